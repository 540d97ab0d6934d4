"""A request in the Messages format as it came in: read strictly, its content left as it is."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import BadRequest
from core.rules.reserve import MESSAGES, measure
from proxy.conversation import Inexpressible
from proxy.formats.messages.refusals import as_refusal
from proxy.formats.messages.wire import AnyRequest, AnyTool
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
from proxy.pdf import places
from proxy.pdf.call import DocumentCall
from proxy.pdf.plugins import read_engine
from proxy.routing.preferences import read_fallbacks, read_preferences
from proxy.thinking import asks_to_think

# Tools a provider defines and the client runs: they cost what their tokens do.
CLIENT_TOOLS = re.compile(r"(?:bash|text_editor|memory|(?:computer|browser)(?:_toolset)?)_[0-9]{8}")
# Fields that change what is billed, to whom, or how much of it we see, with the values at which they do not.
PRICED: Mapping[str, frozenset[str]] = {
    "service_tier": frozenset({"auto", "standard_only"}),
    "speed": frozenset({"standard"}),
    "inference_geo": frozenset({"global"}),
    "container": frozenset(),
    "mcp_servers": frozenset(),
    "context_management": frozenset(),
    "compaction": frozenset(),
    "thread": frozenset(),  # a conversation the provider keeps: its size is not to be seen in the request
    "fallbacks": frozenset(),
    "fallback_credit_token": frozenset(),
    "billing_policy": frozenset(),
    "workspace_id": frozenset(),
    "user_profile_id": frozenset(),
    "betas": frozenset(),
    "anthropic_beta": frozenset(),
}


class MessagesCall(DocumentCall, frozen=True, kw_only=True):
    """A request to create a message."""

    PLACES = places.MESSAGES

    @classmethod
    def parse(cls, body: bytes) -> "MessagesCall":
        """Read a request body. Raises BadRequest naming the field that is wrong."""
        document, fields = read_document(body)
        fields.pop("plugins", None)  # they speak to us
        model = read_model(document)
        most = read_whole(document, "max_tokens", high=MAX_OUTPUT)
        if most is None:
            raise BadRequest(
                "max_tokens is missing: say how many tokens the answer may have at most.", param="max_tokens"
            )
        _refuse_extra_costs(document)
        refuse_long_caches(document, body)
        _refuse_provider_tools(_checked(document).tools or [])
        return cls(
            model=model,
            stream=read_flag(document, "stream"),
            max_tokens=most,
            max_tokens_name=None,  # each model has its own
            content=measure(document["messages"], extra_bytes=other_bytes(fields), parts=MESSAGES),
            fields=fields,
            echo_upstream_body=read_echo(document),
            asks_to_think=asks_to_think(document),
            preferences=read_preferences(document),
            fallbacks=read_fallbacks(document, model),
            pdf_engine=read_engine(document),
        )


def _checked(document: Mapping[str, Any]) -> AnyRequest:
    try:
        return msgspec.convert(document, AnyRequest)
    except msgspec.ValidationError as error:
        refusal = as_refusal(error)
        if isinstance(refusal, Inexpressible):  # here all types are known: it is none of them
            refusal = BadRequest(f"{refusal.param} is not as it must be.", param=refusal.param)
        raise refusal from None


def _refuse_extra_costs(document: Mapping[str, Any]) -> None:
    """Refuse what changes the price in a way the price card does not state: never free, so not at all."""
    for name, plain in PRICED.items():
        value = document.get(name)
        if value is not None and not (isinstance(value, str) and value in plain):
            raise BadRequest(f"This {name} has no price here. Leave it out.", param=name)


def _refuse_provider_tools(tools: list[AnyTool]) -> None:
    for index, tool in enumerate(tools):
        if tool.type not in (None, "custom") and not CLIENT_TOOLS.fullmatch(tool.type):
            raise BadRequest(
                f"tools[{index}].type must be custom: what a provider runs has no price here.",
                param=f"tools[{index}].type",
            )
