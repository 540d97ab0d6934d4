import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.routing.preferences import NONE, Preferences, read_fallbacks, read_preferences


def read(provider):
    return read_preferences(json.loads(json.dumps({"provider": provider})))


@pytest.mark.parametrize("document", [{}, {"provider": None}])
def test_who_says_nothing_prefers_nothing(document):
    assert read_preferences(document) is NONE


def test_every_field_is_read():
    wished = read(
        {
            "order": ["Acme", "own", "acme"],
            "only": ["acme", "own", "third"],
            "ignore": ["third"],
            "allow_fallbacks": False,
            "sort": "latency",
            "max_price": {"prompt": 0.15, "completion": "0.6", "request": 0.01, "image": 1},
        }
    )

    assert wished == Preferences(
        order=("acme", "own"),
        only=("acme", "own", "third"),
        ignore=("third",),
        allow_fallbacks=False,
        sort="latency",
        max_price=(
            ("input", 150_000_000),
            ("output", 600_000_000),
            ("request", 10_000_000_000_000),
            ("input_image", 10**15),
        ),
    )


def test_fields_that_are_null_or_empty_say_nothing():
    fields = {"order": [], "only": None, "ignore": [], "allow_fallbacks": None, "sort": None}

    assert read({**fields, "max_price": {"prompt": None}}) == NONE
    assert read({}) == NONE


@pytest.mark.parametrize(
    ("provider", "param"),
    [
        ("acme", "provider"), ([], "provider"), (5, "provider"), (True, "provider"),
        ({"order": "acme"}, "provider.order"), ({"order": [5]}, "provider.order"), ({"order": [""]}, "provider.order"),
        ({"order": ["a"] * 33}, "provider.order"), ({"ignore": ["x" * 201]}, "provider.ignore"),
        ({"only": {}}, "provider.only"), ({"only": []}, "provider.only"), ({"only": [None]}, "provider.only"),
        ({"allow_fallbacks": "no"}, "provider.allow_fallbacks"), ({"allow_fallbacks": 0}, "provider.allow_fallbacks"),
        ({"sort": "cheapest"}, "provider.sort"), ({"sort": {"by": "price"}}, "provider.sort"), ({"sort": []}, "provider.sort"),
        ({"max_price": 1}, "provider.max_price"), ({"max_price": []}, "provider.max_price"),
        ({"max_price": {"audio": 1}}, "provider.max_price.audio"),
        ({"max_price": {"prompt": -1}}, "provider.max_price.prompt"), ({"max_price": {"prompt": True}}, "provider.max_price.prompt"),
        ({"max_price": {"prompt": "cheap"}}, "provider.max_price.prompt"), ({"max_price": {"prompt": "NaN"}}, "provider.max_price.prompt"),
        ({"max_price": {"prompt": "1e999999999"}}, "provider.max_price.prompt"),
        ({"max_price": {"completion": "9" * 41}}, "provider.max_price.completion"),
        ({"max_price": {"request": [1]}}, "provider.max_price.request"), ({"max_price": {"image": 10**9}}, "provider.max_price.image"),
        ({"quantizations": ["fp8"]}, "provider.quantizations"), ({"data_collection": "deny"}, "provider.data_collection"),
        ({"zdr": False}, "provider.zdr"), ({"x" * 500: 1}, "provider." + "x" * 40),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(provider, param):
    with pytest.raises(BadRequest) as refused:
        read(provider)

    assert refused.value.param == param
    assert len(refused.value.message) < 400


def test_a_limit_finer_than_any_price_is_nothing():
    assert read({"max_price": {"prompt": "1e-99999"}}).max_price == (("input", 0),)


def test_fallbacks_are_each_read_once_and_never_the_model_itself():
    models = ["acme/tiny", "acme/large", "own/model", "acme/large"]

    assert read_fallbacks({"models": models}, "acme/tiny") == ("acme/large", "own/model")
    assert read_fallbacks({"models": None}, "acme/tiny") == ()
    assert read_fallbacks({"models": []}, "acme/tiny") == ()


@pytest.mark.parametrize(
    ("models", "param"),
    [
        ("acme/tiny", "models"), ({}, "models"), (5, "models"),
        (["a/b", 5], "models[1]"), ([""], "models[0]"), ([None], "models[0]"), (["a/b\n"], "models[0]"),
        (["x" * 201], "models[0]"), ([f"a/{n}" for n in range(6)], "models"),
    ],
)  # fmt: skip
def test_fallbacks_that_are_none_are_refused_by_name(models, param):
    with pytest.raises(BadRequest) as refused:
        read_fallbacks({"models": models}, "acme/tiny")

    assert refused.value.param == param


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    ["order", "only", "ignore", "allow_fallbacks", "sort", "max_price", "prompt", "completion"]
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(fields, anything | st.dictionaries(fields, anything, max_size=3), max_size=4), anything
)
def test_whatever_comes_is_read_or_refused(provider, models):
    try:
        read_preferences({"provider": provider})
        read_fallbacks({"models": models}, "acme/tiny")
        param = "models"
    except BadRequest as refused:
        param = refused.param

    assert param.startswith(("models", "provider"))
