import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.formats.embeddings.call import EmbeddingsCall

GOOD = {"model": "acme/vectors", "input": "Hello"}


def parse(**fields):
    return EmbeddingsCall.parse(json.dumps({**GOOD, **fields}).encode())


def test_a_call_is_read():
    call = parse(input=["Hello", [1, 2]], dimensions=8, encoding_format="base64", models=["acme/more"])

    assert (call.model, call.models) == ("acme/vectors", ("acme/vectors", "acme/more"))
    assert (call.inputs, call.is_packed, call.stream, call.max_tokens) == (2, True, False, None)
    assert not parse(encoding_format="float").is_packed
    assert not parse(encoding_format=None, stream=False, user="u", odd=1).is_packed


def test_there_is_no_output():
    assert parse().output_bound(model_max=None, context=None, cap=100) == 0


def test_a_byte_pair_is_a_token_at_most_and_four_bytes_are_probably_one():
    size = parse(input="x" * 1000).input_size(None)

    # Beside the text 14 bytes of other values, the model's name in its quotes.
    assert (size.at_most, size.estimate) == ((1000 + 14) // 2 + 8, 250)


def test_each_text_may_fill_the_context_of_the_model():
    size = parse(input=["x" * 1000] * 3).input_size(100)

    assert (size.at_most, size.estimate) == (300, 300)


@given(st.lists(st.integers(0, 99_999), min_size=1, max_size=50))
def test_tokens_are_counted(tokens):
    size = parse(input=tokens).input_size(None)

    assert size.estimate == len(tokens)
    assert size.at_most >= 2 * len(tokens)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"input": None}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"stream": True}, "stream"),
        ({"stream": "yes"}, "stream"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 1.5}, "dimensions"),
        ({"dimensions": 10**9}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"encoding_format": ["float"]}, "encoding_format"),
        ({"provider": 5}, "provider"),
        ({"models": 5}, "models"),
        ({"plugins": []}, "plugins"),
    ],
)
def test_a_wrong_field_is_refused_by_name(fields, param):
    with pytest.raises(BadRequest) as refused:
        parse(**fields)

    assert refused.value.param == param


@given(st.binary(max_size=40) | st.from_regex(r'\{"input":.{0,20}\}').map(str.encode))
def test_whatever_comes_is_read_or_refused(body):
    with suppress(BadRequest):
        assert EmbeddingsCall.parse(body).inputs > 0
