import json

import pytest

from core.errors import BadRequest
from core.rules.reserve import Content
from proxy import model_call
from proxy.model_call import ModelCall


def test_a_body_is_read_as_values_and_byte_for_byte():
    document, fields = model_call.read_document(b'{"model": "a/b", "x":  [1.50]}')

    assert document == {"model": "a/b", "x": [1.5]}
    assert bytes(fields["x"]) == b"[1.50]"


def test_what_is_sent_along_is_counted_in_bytes_without_the_messages():
    _, fields = model_call.read_document(b'{"model": "a/b", "messages": ["long"], "x": [1]}')

    assert model_call.other_bytes(fields) == len('"a/b"' + "[1]")


@pytest.mark.parametrize("body", [b"", b"\n", b"5", b"[]", b'{"a": 1, "a": 2}', b'{"a": "\\ud800"}'])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(BadRequest):
        model_call.read_document(body)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (model_call.read_model, {"model": "a\nb"}),
        (lambda given: model_call.read_flag(given, "stream"), {"stream": 1}),
        (lambda given: model_call.read_whole(given, "n", high=8), {"n": 9}),
        (lambda given: model_call.read_whole(given, "n", high=8), {"n": 0}),
        (lambda given: model_call.read_whole(given, "n", high=8), {"n": True}),
        (model_call.read_echo, {"debug": []}),
        (model_call.refuse_not_yet, {"plugins": []}),
    ],
)
def test_a_field_that_is_wrong_is_named(read, value):
    with pytest.raises(BadRequest) as refused:
        read(value)

    assert refused.value.param in value


def test_what_is_absent_or_null_is_not_said():
    for given in ({}, {"stream": None, "n": None, "debug": None}):
        assert model_call.read_flag(given, "stream") is False
        assert model_call.read_whole(given, "n", high=8) is None
        assert model_call.read_echo(given) is False


@pytest.mark.parametrize("name", ["ttl", "\\u0074tl"])
@pytest.mark.parametrize(
    ("cache", "ttl"),
    [
        ("cache_control", "1h"), ("cache_control", 300), ("cache_control", ["5m"]),
        ("prompt_cache_options", "24h"), ("prompt_cache_breakpoint", "30m"),
    ],
)  # fmt: skip
def test_a_cache_that_lives_longer_is_refused_wherever_it_is(cache, ttl, name):
    body = json.dumps({"tools": [{cache: {"ttl": ttl}}]}).replace("ttl", name).encode()

    with pytest.raises(BadRequest) as refused:
        model_call.refuse_long_caches(json.loads(body), body)

    assert refused.value.param == f"{cache}.ttl"


@pytest.mark.parametrize("retention", ["24h", "", 5, ["in_memory"], {}])
def test_a_cache_that_is_kept_longer_is_refused(retention):
    document = {"prompt_cache_retention": retention}

    with pytest.raises(BadRequest) as refused:
        model_call.refuse_long_caches(document, json.dumps(document).encode())

    assert refused.value.param == "prompt_cache_retention"


@pytest.mark.parametrize(
    "document",
    [
        {"cache_control": {"ttl": "5m"}}, {"cache_control": {"ttl": None}}, {"cache_control": "ttl"},
        {"prompt_cache_options": {"ttl": "30m", "mode": "explicit"}},
        {"messages": [{"prompt_cache_breakpoint": {"mode": "explicit"}, "ttl": 1}]},
        {"prompt_cache_retention": "in_memory"}, {"prompt_cache_retention": None},
    ],
)  # fmt: skip
def test_a_cache_of_the_usual_length_is_let_through(document):
    model_call.refuse_long_caches(document, json.dumps(document).encode())


def test_a_call_bounds_its_input_and_its_output():
    call = ModelCall(
        model="a/b", stream=False, max_tokens=50, max_tokens_name="max_tokens",
        content=Content(text_bytes=100, messages=1), fields={}, echo_upstream_body=False,
    )  # fmt: skip

    assert call.input_size(None).at_most == 58
    assert call.output_bound(model_max=80, context=None, cap=60) == 50
