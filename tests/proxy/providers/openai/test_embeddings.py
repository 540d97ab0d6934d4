import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.prices import Usage
from proxy.providers.openai.embeddings import pass_on_embedding, read_embeddings
from proxy.sse import MalformedStream


def answer(usage, vectors=1):
    return json.dumps({"data": [{"embedding": [0.5]}] * vectors, "usage": usage}).encode()


@pytest.mark.parametrize(
    ("stated", "usage"),
    [
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(8)),
        ({"total_tokens": 8}, Usage(8)),
        ({"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}, Usage(8)),
        ({"prompt_tokens": 8, "prompt_tokens_details": {"cached_tokens": 5}}, Usage(8, cached_tokens=5)),
    ],
)
def test_usage_is_input_alone(stated, usage):
    assert read_embeddings(answer(stated), inputs=1) == (usage, stated)


@pytest.mark.parametrize(
    "stated", [None, {}, [], 5, {"prompt_tokens": 0}, {"prompt_tokens": -1}, {"prompt_tokens": 1e308},
               {"prompt_tokens": 2**31}, {"prompt_tokens": True}, {"prompt_tokens": "8"}],
)  # fmt: skip
def test_usage_that_cannot_be_true_is_none(stated):
    with pytest.raises(MalformedStream, match="what it used"):
        read_embeddings(answer(stated), inputs=1)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"data": 5}', b'{"usage": NaN}', b'{"data": "\xff"}'])
def test_what_is_no_json_of_embeddings_is_none(body):
    with pytest.raises(MalformedStream, match="not the JSON"):
        read_embeddings(body, inputs=1)


@given(st.binary())
def test_any_bytes_are_an_answer_or_malformed(body):
    with pytest.raises(MalformedStream):
        read_embeddings(body, inputs=1)


def test_a_body_is_passed_on_without_what_speaks_to_us():
    raw = {
        name: msgspec.Raw(value)
        for name, value in {
            "model": b'"acme/vectors"', "input": b'[ "a" ]', "provider": b"{}", "models": b"[]", "debug": b"{}",
            "stream": b"false", "odd": b"1.0",
        }.items()
    }  # fmt: skip

    body = pass_on_embedding(raw, model="theirs", stream=False, max_tokens=("max_tokens", 1))

    assert body == b'{"model":"theirs","input":[ "a" ],"odd":1.0}'
