"""A Responses request as it came in: what the relay must know of it, and what is refused for its price.

The rest is read where the request is put into nobody's words, and refused there when it has none.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import BadRequest
from core.rules.reserve import Content, InputSize, input_size, measure, output_bound
from core.strict_json import loads
from proxy.chat_call import (
    FREE_TOOLS,
    MAX_OUTPUT,
    PLAIN_TIERS,
    _echo,
    _flag,
    _model,
    _refuse_not_yet,
    _whole,
)

_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
NOTHING_KEPT = {
    "previous_response_id": "Send the whole conversation as input.",
    "conversation": "Send the whole conversation as input.",
    "prompt": "Send what the prompt says as instructions and input.",
}


class ResponsesCall(msgspec.Struct, frozen=True):
    """What the relay must know of a Responses request. `fields` is the body, each value byte for byte."""

    model: str
    stream: bool
    max_tokens: int | None
    content: Content
    fields: Mapping[str, msgspec.Raw]
    echo_upstream_body: bool
    max_tokens_name: str | None = None  # no provider is sent this body, so none has a name to keep
    choices: int = 1
    modalities: tuple[str, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> "ResponsesCall":
        """Read a request body. Raises BadRequest naming the field that is wrong."""
        document, fields = _document(body)
        _refuse_not_yet(document)
        _refuse_what_is_kept(document)
        _refuse_extra_costs(document)
        extra_bytes = sum([memoryview(raw).nbytes for name, raw in fields.items() if name != "input"])
        return cls(
            model=_model(document),
            stream=_flag(document, "stream"),
            max_tokens=_whole(document, "max_output_tokens", high=MAX_OUTPUT),
            content=measure(_input(document), extra_bytes=extra_bytes),
            fields=fields,
            echo_upstream_body=_echo(document),
        )

    def input_size(self, context: int | None) -> InputSize:
        return input_size(self.content, context=context)

    def output_bound(self, *, model_max: int | None, context: int | None, cap: int) -> int:
        """The most tokens the answer may have."""
        return output_bound(asked=self.max_tokens, model_max=model_max, context=context, cap=cap)


def _document(body: bytes) -> tuple[dict[str, Any], dict[str, msgspec.Raw]]:
    if not body.strip():
        raise BadRequest("The body is empty. Send a JSON object with model and input.")
    try:
        document = loads(body)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object with model and input.")
    try:
        return document, _raw_fields(body)
    except (msgspec.DecodeError, RecursionError):  # what one reader of JSON takes and another does not
        raise BadRequest("The body is not acceptable JSON: not every reader would take it.") from None


def _input(document: Mapping[str, Any]) -> list[Any]:
    given = document.get("input")
    if isinstance(given, str) and given:
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise BadRequest("input must be text or a list with at least one item.", param="input")
    return given


def _refuse_what_is_kept(document: Mapping[str, Any]) -> None:
    """Refuse what only works where answers are kept: here nothing is, not even for a while."""
    for name, instead in NOTHING_KEPT.items():
        if document.get(name) is not None:
            raise BadRequest(f"{name} cannot be used: nothing is kept here. {instead}", param=name)
    if _flag(document, "store"):
        raise BadRequest(
            "store cannot be true: nothing is kept here. Send false, or leave it out.", param="store"
        )
    if _flag(document, "background"):
        raise BadRequest(
            "background cannot be true: an answer is not kept for later. Leave it out.", param="background"
        )


def _refuse_extra_costs(document: Mapping[str, Any]) -> None:
    tier = document.get("service_tier")
    if tier is not None and not (isinstance(tier, str) and tier in PLAIN_TIERS):
        raise BadRequest("This service_tier has no price here. Leave it out.", param="service_tier")
    tools = document.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise BadRequest("tools must be a list.", param="tools")
    for index, tool in enumerate(tools or ()):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(kind, str) or kind not in FREE_TOOLS:
            name = f"{kind[:60]} is none: " if isinstance(kind, str) else ""
            raise BadRequest(
                f"tools[{index}].type must be function. {name}what a provider runs has no price here.",
                param=f"tools[{index}].type",
            )
