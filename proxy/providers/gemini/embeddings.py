"""Embeddings of the Gemini API (batchEmbedContents): written from and for OpenAI's, which they resemble."""

import struct
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from core.rules.prices import Usage
from proxy.conversation import Inexpressible
from proxy.formats.chat.fields import Fields
from proxy.providers.dialect import MAX_TOKENS_PER_CALL
from proxy.sse import MalformedStream

PATH = "/models/{model}:batchEmbedContents"
MAX_TEXTS = 100  # of one batch
# What speaks to us, and what changes no answer. Vectors are packed here, if that is wanted.
OURS = ("model", "models", "provider", "debug", "stream", "user", "encoding_format")
LARGEST = 1 << 31


class _Vector(msgspec.Struct):
    values: msgspec.Raw


class _Answer(msgspec.Struct, rename="camel"):
    embeddings: Sequence[_Vector] = ()
    usage_metadata: Any = None


class Embeddings(NamedTuple):
    """Vectors as JSON. The usage, where it is told: older servers do not."""

    vectors: Sequence[msgspec.Raw]
    usage: Usage | None


_decode = msgspec.json.Decoder(_Answer).decode
_decode_numbers = msgspec.json.Decoder(list[float]).decode


def embed_body(
    fields: Mapping[str, msgspec.Raw],
    *,
    model: str,
    stream: bool,  # noqa: ARG001  # never
    max_tokens: tuple[str, int] | None,  # noqa: ARG001  # vectors are not counted in tokens
) -> bytes:
    """The body that asks for what an OpenAI request does. Raises Inexpressible, naming the field."""
    left = Fields(fields)
    left.drop(*OURS)
    texts = left.whole_value("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not all(isinstance(text, str) for text in texts):
        raise Inexpressible("input", "The provider of this model takes text, no tokens.")
    if len(texts) > MAX_TEXTS:
        raise Inexpressible("input", f"The provider of this model takes at most {MAX_TEXTS} texts at once.")
    dimensions = left.whole("dimensions", 1, LARGEST)
    left.end()
    shape = {} if dimensions is None else {"outputDimensionality": dimensions}
    requests = [
        {"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **shape} for text in texts
    ]
    return msgspec.json.encode({"requests": requests})


def read_embeddings(body: bytes, *, inputs: int) -> Embeddings:
    """What an answer holds. Raises MalformedStream when it is none."""
    try:
        body.decode()  # the decoder looks only at what it wants; the client gets the vectors
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedStream("the answer is not the JSON of embeddings") from error
    if len(answer.embeddings) != inputs:
        raise MalformedStream(f"{len(answer.embeddings)} vectors came for {inputs} texts")
    return Embeddings([vector.values for vector in answer.embeddings], _usage(answer.usage_metadata))


def packed(vector: msgspec.Raw) -> str:
    """A vector as base64 of 32-bit floats, the lowest byte first. Raises MalformedStream."""
    try:
        numbers = _decode_numbers(vector)
        return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    except (msgspec.DecodeError, OverflowError) as error:
        raise MalformedStream("a vector is no list of numbers") from error


def _usage(stated: Any) -> Usage | None:
    count = stated.get("promptTokenCount") if isinstance(stated, dict) else None
    if type(count) is not int or not 0 < count < MAX_TOKENS_PER_CALL:
        return None
    return Usage(input_tokens=count)
