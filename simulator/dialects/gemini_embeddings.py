"""Gemini's embeddings: a batch of contents in, a vector for each out."""

from collections.abc import Mapping
from typing import Any

from simulator.asks import BYTES_PER_TOKEN, Ask, Message, digest_of
from simulator.dialect import Frame, Head, Told, compact, encoded
from simulator.dialects.gemini import admit, failure, new_id, refuse
from simulator.dialects.openai_embeddings import MOST_DIMENSIONS
from simulator.engine import Answer, Usage
from simulator.fields import read_list, read_model, read_object, read_whole
from simulator.lies import tell
from simulator.refusals import Refusal
from simulator.vectors import unit_vector

__all__ = ["admit", "failure", "new_id", "read", "refuse", "report", "stream", "whole"]

MOST_REQUESTS = 100
DIMENSIONS = 3072
_FIELDS = frozenset(("model", "content", "taskType", "title", "outputDimensionality"))


def read(body: dict[str, Any], *, named: Mapping[str, str]) -> Ask:
    """Read a batch: the path names the model, and so does each request. All are of the same dimensions."""
    model = read_model(named["model"])
    for name in body.keys() - {"requests"}:
        raise Refusal(f'Unknown name "{name[:100]}": Cannot find field.', param=name[:100])
    requests = read_list(body, "requests")
    if not 0 < len(requests) <= MOST_REQUESTS:
        raise Refusal(f"A batch must have 1 to {MOST_REQUESTS} requests.", param="requests")
    texts = [_text(request, model, at=f"requests[{at}].") for at, request in enumerate(requests)]
    sizes = {_dimensions(request, at=f"requests[{at}].") for at, request in enumerate(requests)}
    if len(sizes) > 1:
        raise Refusal("Batches of several dimensions are not simulated.", param="requests")
    counts = [-(-len(text.encode(errors="surrogatepass")) // BYTES_PER_TOKEN) for text in texts]
    return Ask(
        model=model,
        messages=tuple(Message("user", text) for text in texts),
        digest=digest_of(),
        choices=0,
        prompt_tokens=sum(counts),
        dimensions=sizes.pop(),
    )


def report(usage: Usage, *, lie: str | None) -> dict[str, Any] | None:
    details = [{"modality": "TEXT", "tokenCount": usage.prompt}]
    return tell({"promptTokenCount": usage.prompt, "promptTokenDetails": details}, lie)


def whole(head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> bytes:  # noqa: ARG001
    rows = [{"values": unit_vector(message.text, ask.dimensions)} for message in ask.messages]
    body: dict[str, Any] = {"embeddings": rows}
    if usage is not None:
        body["usageMetadata"] = usage
    return encoded(compact(body))


def stream(head: Head, ask: Ask, answer: Answer, told: Told) -> list[Frame]:
    usage = told(answer.usage)
    return [Frame(whole(head, ask, answer, usage), "content", usage=usage)]


def _text(request: dict[str, Any], model: str, *, at: str) -> str:
    for name in request.keys() - _FIELDS:
        raise Refusal(f'Unknown name "{name[:100]}": Cannot find field.', param=at + name[:100])
    if request.get("model") != f"models/{model}":
        raise Refusal("The model must be that of the path.", param=f"{at}model")
    content = read_object(request, "content", inside=at)
    parts = read_list(content, "parts", inside=f"{at}content.")
    text = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    if not text:
        raise Refusal("A content must hold text.", param=f"{at}content")
    return text


def _dimensions(request: dict[str, Any], *, at: str) -> int:
    return read_whole(request, "outputDimensionality", most=MOST_DIMENSIONS, inside=at) or DIMENSIONS
