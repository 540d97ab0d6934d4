"""A Responses request as it came in: what the relay must know of it, and what is refused for its price.

The rest is read where the request is put into nobody's words, and refused there when it has none.
"""

from collections.abc import Mapping
from typing import Any

from core.errors import BadRequest
from core.rules.reserve import RESPONSES, measure
from proxy.chat_call import FREE_TOOLS, PLAIN_TIERS
from proxy.model_call import (
    MAX_OUTPUT,
    other_bytes,
    read_document,
    read_echo,
    read_flag,
    read_model,
    read_whole,
)
from proxy.pdf import places
from proxy.pdf.call import DocumentCall
from proxy.pdf.plugins import read_engine
from proxy.routing.preferences import read_fallbacks, read_preferences
from proxy.thinking import asks_to_think

NOTHING_KEPT = {
    "previous_response_id": "Send the whole conversation as input.",
    "conversation": "Send the whole conversation as input.",
    "prompt": "Send what the prompt says as instructions and input.",
}


class ResponsesCall(DocumentCall, frozen=True, kw_only=True):
    """A request for a response."""

    PLACES = places.RESPONSES

    @classmethod
    def parse(cls, body: bytes) -> "ResponsesCall":
        """Read a request body. Raises BadRequest naming the field that is wrong."""
        document, fields = read_document(body, holding="input")
        fields.pop("plugins", None)  # they speak to us
        _refuse_what_is_kept(document)
        _refuse_extra_costs(document)
        extra_bytes = other_bytes(fields, beside="input")
        model = read_model(document)
        return cls(
            model=model,
            stream=read_flag(document, "stream"),
            max_tokens=read_whole(document, "max_output_tokens", high=MAX_OUTPUT),
            content=measure(_input(document), extra_bytes=extra_bytes, parts=RESPONSES),
            fields=fields,
            max_tokens_name=None,  # no provider is sent this body
            echo_upstream_body=read_echo(document),
            asks_to_think=asks_to_think(document),
            preferences=read_preferences(document),
            fallbacks=read_fallbacks(document, model),
            pdf_engine=read_engine(document),
        )


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
    if read_flag(document, "store"):
        raise BadRequest(
            "store cannot be true: nothing is kept here. Send false, or leave it out.", param="store"
        )
    if read_flag(document, "background"):
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
