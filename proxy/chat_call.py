"""A chat request as it came in: read strictly, checked field by field, its content left as it is."""

from collections.abc import Mapping
from typing import Any

from core.errors import BadRequest
from core.rules.reserve import measure
from proxy.model_call import (
    MAX_OUTPUT,
    other_bytes,
    read_document,
    read_echo,
    read_flag,
    read_model,
    read_whole,
    refuse_long_caches,
)
from proxy.pdf.call import DocumentCall
from proxy.pdf.places import CHAT
from proxy.pdf.plugins import read_engine
from proxy.routing.preferences import read_fallbacks, read_preferences
from proxy.thinking import asks_to_think

MAX_CHOICES = 8
FREE_TOOLS = frozenset({"function", "custom"})  # tools that run at the client: no provider bills for them
PLAIN_TIERS = frozenset({"auto", "default", "standard"})
SEARCHES = ("web_search_options", "search_parameters", "enable_search", "web_search", "search_options")
WATCHED = frozenset(
    (*SEARCHES, "service_tier", "best_of", "prediction", "tools", "stream_options")
)  # rare fields


class ChatCall(DocumentCall, frozen=True, kw_only=True):
    """A chat request."""

    PLACES = CHAT

    @classmethod
    def parse(cls, body: bytes) -> "ChatCall":
        """Read a request body. Raises BadRequest naming the field that is wrong."""
        document, fields = read_document(body)
        fields.pop("plugins", None)  # they speak to us
        name, most = _output_limit(document)
        if not WATCHED.isdisjoint(document):
            refuse_extra_costs(document)
        refuse_long_caches(document, body)
        model = read_model(document)
        return cls(
            model=model,
            stream=read_flag(document, "stream"),
            max_tokens=most,
            max_tokens_name=name,
            choices=read_whole(document, "n", high=MAX_CHOICES) or 1,
            content=measure(_messages(document), extra_bytes=other_bytes(fields)),
            fields=fields,
            echo_upstream_body=read_echo(document),
            hides_thoughts=_hides_thoughts(document),
            asks_to_think=asks_to_think(document),
            modalities=_modalities(document),
            preferences=read_preferences(document),
            fallbacks=read_fallbacks(document, model),
            pdf_engine=read_engine(document),
        )


def _messages(document: Mapping[str, Any]) -> list[Any]:
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message.", param="messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRequest(
                f"messages[{index}] must be an object with a role.", param=f"messages[{index}].role"
            )
        content = message.get("content")
        if content is not None and not isinstance(content, str | list):
            raise BadRequest(
                f"messages[{index}].content must be text or a list of parts.",
                param=f"messages[{index}].content",
            )
    return messages


def _output_limit(document: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """The limit a caller set and the name it goes by. Two that differ are refused."""
    newer = read_whole(document, "max_completion_tokens", high=MAX_OUTPUT)
    older = read_whole(document, "max_tokens", high=MAX_OUTPUT)
    if newer is not None and older is not None and newer != older:
        raise BadRequest("max_tokens and max_completion_tokens differ. Send one of them.", param="max_tokens")
    if newer is not None:
        return "max_completion_tokens", newer
    return ("max_tokens" if older is not None else None), older


def refuse_extra_costs(document: Mapping[str, Any]) -> None:
    """Refuse what raises the price in a way the price card does not state: never free, so not at all."""
    tier = document.get("service_tier")
    if tier is not None and not (isinstance(tier, str) and tier in PLAIN_TIERS):
        raise BadRequest("This service_tier has no price here. Leave it out.", param="service_tier")
    for name in SEARCHES:
        if document.get(name) not in (None, False):
            raise BadRequest(f"Web search has no price here yet. Leave {name} out.", param=name)
    if document.get("best_of") is not None:
        raise BadRequest("best_of has no price here. Use n, or leave it out.", param="best_of")
    if document.get("prediction") is not None:  # what of it is not said is billed as output, and has no bound
        raise BadRequest("prediction has no price here. Leave it out.", param="prediction")
    tools = document.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise BadRequest("tools must be a list.", param="tools")
    for index, tool in enumerate(tools or ()):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(kind, str) or kind not in FREE_TOOLS:
            raise BadRequest(
                f"tools[{index}].type must be function or custom; what a provider runs has no price here.",
                param=f"tools[{index}].type",
            )
    options = document.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise BadRequest("stream_options must be an object.", param="stream_options")


def _hides_thoughts(document: Mapping[str, Any]) -> bool:
    reasoning = document.get("reasoning")
    excluded = isinstance(reasoning, dict) and reasoning.get("exclude") is True
    return excluded or document.get("include_reasoning") is False  # the older name


def _modalities(document: Mapping[str, Any]) -> tuple[str, ...]:
    modalities = document.get("modalities")
    if modalities is None:
        return ()
    if not isinstance(modalities, list) or not all(isinstance(name, str) for name in modalities):
        raise BadRequest("modalities must be a list of names.", param="modalities")
    return tuple(modalities)
