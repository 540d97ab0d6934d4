"""Embeddings of OpenAI-compatible providers: requests passed on, answers looked at but for their vectors."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.rules.prices import Usage
from proxy.providers.openai.passing import OURS
from proxy.providers.openai.usage import read_usage
from proxy.sse import MalformedStream

LEFT_OUT = frozenset((*OURS, "stream"))  # there is no stream to speak of


class _Answer(msgspec.Struct):
    data: Sequence[msgspec.Raw] = ()
    usage: Any = None


_decode = msgspec.json.Decoder(_Answer).decode


def pass_on_embedding(
    fields: Mapping[str, msgspec.Raw],
    *,
    model: str,
    stream: bool,  # noqa: ARG001  # never
    max_tokens: tuple[str, int] | None,  # noqa: ARG001  # vectors are not counted in tokens
) -> bytes:
    """The client's body with the provider's model name in it."""
    body: dict[str, Any] = {name: value for name, value in fields.items() if name not in LEFT_OUT}
    return msgspec.json.encode({**body, "model": model})


def read_embeddings(body: bytes, *, inputs: int) -> tuple[Usage, Mapping[str, Any]]:
    """The usage of an answer, and in the provider's own words. Raises MalformedStream when it is none."""
    try:
        body.decode()  # the decoder looks only at what it wants; the client gets it all
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedStream("the answer is not the JSON of embeddings") from error
    if len(answer.data) != inputs:
        raise MalformedStream(f"{len(answer.data)} vectors came for {inputs} texts")
    usage = _usage(answer.usage)
    if usage is None:
        raise MalformedStream("the answer does not say what it used")
    return usage, answer.usage


def _usage(stated: Any) -> Usage | None:
    """Input is all there is: no provider sells the vectors as well. Some state it as the total alone."""
    if not isinstance(stated, dict):
        return None
    details = stated.get("prompt_tokens_details")
    prompt = stated.get("prompt_tokens", stated.get("total_tokens"))
    usage = read_usage({"prompt_tokens": prompt, "completion_tokens": 0, "prompt_tokens_details": details})
    return usage if usage is not None and usage.input_tokens > 0 else None
