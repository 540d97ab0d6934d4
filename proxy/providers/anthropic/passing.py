"""Passing through: a client's own request to create a message sent on."""

from collections.abc import Mapping
from typing import Any

import msgspec

OURS = ("debug", "models", "provider", "plugins")  # fields that speak to us, not to the provider


def request_body(
    fields: Mapping[str, msgspec.Raw],
    *,
    model: str,
    stream: bool,  # noqa: ARG001  # the body says it
    max_tokens: tuple[str, int] | None,
) -> bytes:
    """The client's body with the provider's model name in it. The rest is byte-true."""
    body: dict[str, Any] = {name: value for name, value in fields.items() if name not in OURS}
    body["model"] = model
    if max_tokens is not None:
        body["max_tokens"] = max_tokens[1]  # there is but one name for it
    return msgspec.json.encode(body)
