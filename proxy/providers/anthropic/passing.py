"""Passing through: a client's own request to create a message sent on."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import BadRequest


class _Thinking(msgspec.Struct):
    budget_tokens: Any = None  # what is no number the provider refuses


_thinking_of = msgspec.json.Decoder(_Thinking | None).decode
OURS = ("debug", "models", "provider", "plugins")  # fields that speak to us, not to the provider


def request_body(
    fields: Mapping[str, msgspec.Raw],
    *,
    model: str,
    stream: bool,  # noqa: ARG001  # the body says it
    max_tokens: tuple[str, int] | None,
) -> bytes:
    """The client's body with the provider's model name in it. The rest is byte-true.

    Raises BadRequest for more thinking than an answer so short can hold.
    """
    body: dict[str, Any] = {name: value for name, value in fields.items() if name not in OURS}
    body["model"] = model
    if max_tokens is not None:
        _, bound = max_tokens  # there is but one name for it
        body["max_tokens"] = bound
        thinking = _thinking_of(fields.get("thinking", b"null"))
        budget = None if thinking is None else thinking.budget_tokens
        if isinstance(budget, int | float) and budget >= bound:
            raise BadRequest(
                f"thinking.budget_tokens must be less than the answer, which may have {bound} tokens.",
                param="thinking.budget_tokens",
            )
    return msgspec.json.encode(body)
