import base64
import json
import struct
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadRequest
from core.rules.prices import Usage
from proxy.conversation import Inexpressible
from proxy.formats.embeddings.call import EmbeddingsCall
from proxy.providers.gemini.embeddings import embed_body, packed, read_embeddings
from proxy.sse import MalformedStream
from tests.proxy.test_chat_call import anything, names


def body_of(**fields):
    call = EmbeddingsCall.parse(json.dumps({"model": "a/b", "input": "Hello", **fields}).encode())
    return json.loads(embed_body(call.fields, model="m", stream=False, max_tokens=None))


def answer(vectors=1, **fields):
    return json.dumps({"embeddings": [{"values": [0.5]}] * vectors, **fields}).encode()


def test_each_text_is_a_request_of_its_batch():
    one = {"model": "models/m", "content": {"parts": [{"text": "Hello"}]}}

    assert body_of(user="u", encoding_format="base64", stream=False) == {"requests": [one]}
    assert body_of(input=["Hello"] * 100, dimensions=5) == {
        "requests": [{**one, "outputDimensionality": 5}] * 100
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [1]}, "input"), ({"input": ["a", [1]]}, "input"), ({"input": ["a"] * 101}, "input"),
        ({"odd": 1}, "odd"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_named(fields, param):
    with pytest.raises(Inexpressible) as refused:
        body_of(**fields)

    assert refused.value.param == param


def test_usage_is_read_where_it_is_told():
    told, untold = answer(usageMetadata={"promptTokenCount": 7}), answer()

    assert read_embeddings(told, inputs=1).usage == Usage(7)
    assert read_embeddings(untold, inputs=1).usage is None


@pytest.mark.parametrize("count", [0, -1, 1.5, "7", None, True, 2**31])
def test_usage_that_cannot_be_true_is_none(count):
    assert read_embeddings(answer(usageMetadata={"promptTokenCount": count}), inputs=1).usage is None


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"{", answer(2), b'{"embeddings": [{}]}', b'{"embeddings": null}']
)
def test_what_is_no_answer_is_malformed(body):
    with pytest.raises(MalformedStream):
        read_embeddings(body, inputs=1)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_a_packed_vector_is_the_same_numbers(numbers):
    made = packed(msgspec.Raw(json.dumps(numbers).encode()))

    assert list(struct.unpack(f"<{len(numbers)}f", base64.b64decode(made))) == numbers


@pytest.mark.parametrize("vector", [b"null", b"5", b'["1"]', b"[1e300]", b"{}"])
def test_what_is_no_vector_is_malformed(vector):
    with pytest.raises(MalformedStream):
        packed(msgspec.Raw(vector))


own = st.sampled_from(["input", "dimensions", "encoding_format", "stream", "user", "provider", "models"])
bodies = st.dictionaries(own | names, anything | st.lists(st.integers()) | st.lists(st.text()), max_size=5)


@given(bodies)
def test_whatever_a_body_holds_it_is_said_or_refused_by_name(fields):
    with suppress(BadRequest, Inexpressible):
        assert body_of(**fields)["requests"]
