"""The way of a call from its client's format to a provider's dialect, and of the answer back.

Where the two are the same, bytes pass through. Else the call is read in the one and written in the other, and
what the other cannot say is refused.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from core.charging.calls import Call
from core.errors import BadRequest
from proxy.catalog import Offer
from proxy.conversation import Ask, Inexpressible
from proxy.formats.chat import Chat
from proxy.formats.format import Format
from proxy.formats.messages.format import Messages
from proxy.formats.responses.format import Responses
from proxy.large_bodies import LargeBodies
from proxy.meter import Meter
from proxy.model_call import ModelCall, other_bytes
from proxy.passages.chat import ChatPassage
from proxy.passages.converted import ConvertedPassage
from proxy.passages.messages import MessagesPassage
from proxy.passages.passage import Passage
from proxy.plan import Plan
from proxy.providers import anthropic, openai
from proxy.providers.anthropic import Anthropic
from proxy.providers.anthropic.passing import request_body as pass_on_message
from proxy.providers.dialect import Dialect
from proxy.providers.gemini.dialect import Gemini
from proxy.providers.openai import OpenAI

OPENAI_ITSELF = "api.openai.com"  # refuses fields that most who speak its dialect know
DIALECTS: Mapping[str, Dialect] = {"openai": OpenAI(), "anthropic": Anthropic(), "gemini": Gemini()}


class Bound(NamedTuple):
    """The most output tokens of a choice, and the name the model has for that. `is_news`: it is not what the
    client or the model sets already.
    """

    tokens: int
    name: str
    is_news: bool


class Outgoing(NamedTuple):
    """What is sent to a provider: where to, below its base URL, and the body."""

    path: str
    body: bytes


class PassOn(Protocol):
    """Writes a client's own body for a provider of the same format."""

    def __call__(
        self,
        fields: Mapping[str, msgspec.Raw],
        *,
        model: str,
        stream: bool,
        max_tokens: tuple[str, int] | None,
    ) -> bytes: ...


class Native(NamedTuple):
    """The dialect that takes a format as it is."""

    kind: str
    path: str
    pass_on: PassOn
    passage: Callable[[Meter, Call], Passage]


class Way(NamedTuple):
    """From one format to every dialect.

    Dialects name fields as chat completions do; `names` says what this format calls those it calls otherwise.
    """

    format: Format
    native: Native | None = None
    names: Mapping[str, str] = {}

    def refused(self, error: Inexpressible) -> BadRequest:
        """What cannot be said, by the name the client knows it by."""
        name = self.names.get(error.param, error.param)
        return BadRequest(str(error) if name == error.param else f"{name}: {error}", param=name)


CHAT = Way(Chat(), Native("openai", openai.CHAT_PATH, openai.request_body, ChatPassage))
MESSAGES = Way(
    Messages(),
    Native("anthropic", anthropic.MESSAGES_PATH, pass_on_message, MessagesPassage),
    names={
        "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
        "reasoning": "thinking",
        "response_format": "output_config.format",
        "stop": "stop_sequences",
    },
)
RESPONSES = Way(Responses(), names={"messages": "input", "response_format": "text.format"})


class Crossing:
    """One call on its way. What is read and written of a large one, is so beside the loop."""

    def __init__(self, way: Way, call: ModelCall, large: LargeBodies) -> None:
        self.call = call
        self._way = way
        self._large = large
        self._asks: dict[int, Ask] = {}  # by the bound in it
        self._written: dict[tuple[UUID, str, Bound], Outgoing] = {}

    async def only_sayable(self, plan: Plan) -> Plan:
        """The plan without offers whose dialect cannot say this call. Raises BadRequest when none is left.

        What is written for that is what will be sent, unless less can be held than is planned.
        """
        if self._way.native is not None and all(map(self._is_native, plan.offers)) and not plan.fallbacks:
            return plan
        return await self._large.work(partial(self._only_sayable, plan), size=self._size())

    async def outgoing(self, offer: Offer, bound: Bound) -> Outgoing:
        """What to send to an offer. Raises BadRequest for what is malformed, or cannot be said."""
        native = self._way.native
        if native is not None and self._is_native(offer):
            limit = (bound.name, bound.tokens) if bound.is_news else None
            model, stream = offer.upstream_model, self.call.stream
            body = native.pass_on(self.call.fields, model=model, stream=stream, max_tokens=limit)
            return Outgoing(native.path, body)
        try:
            return await self._large.work(partial(self._converted, offer, bound), size=self._size())
        except Inexpressible as error:
            raise self._way.refused(error) from None

    def _converted(self, offer: Offer, bound: Bound) -> Outgoing:
        model, stream = offer.upstream_model, self.call.stream
        known = (offer.provider.id, model, bound)
        if known not in self._written:
            dialect = _dialect(offer, bound)
            body = dialect.request_body(self._ask(bound.tokens), model=model, stream=stream)
            self._written = {known: Outgoing(dialect.path(model, stream=stream), body)}
        return self._written[known]

    def passage(self, meter: Meter, call: Call) -> Passage:
        """How the answer of the offer that serves goes to the client."""
        assert meter.offer is not None
        if self._way.native is not None and self._is_native(meter.offer):
            return self._way.native.passage(meter, call)
        writer = self._way.format.writer(
            self.call.fields,
            answer_id=str(call.request_id),
            model=meter.plan.model.id,
            created=int(time.time()),
        )
        return ConvertedPassage(meter, DIALECTS[meter.offer.provider.kind].reader(), writer)

    def _only_sayable(self, plan: Plan) -> Plan:
        refusals: list[BadRequest] = []
        plans = [made for one in plan.models if (made := self._sayable(one, refusals)).offers]
        if not plans:
            raise refusals[0]
        return msgspec.structs.replace(plans[0], fallbacks=tuple(plans[1:]))

    def _sayable(self, plan: Plan, refusals: list[BadRequest]) -> Plan:
        bound = bound_of(self.call, plan, plan.output_tokens)
        offers = []
        for offer in plan.offers:
            try:
                if not self._is_native(offer):
                    self._converted(offer, bound)
                offers.append(offer)
            except Inexpressible as error:
                refusals.append(self._way.refused(error))
            except BadRequest as error:  # for all we know of the format: who speaks it may know more
                refusals.append(error)
        return msgspec.structs.replace(plan, offers=tuple(offers), fallbacks=())

    def _ask(self, tokens: int) -> Ask:
        if tokens not in self._asks:
            self._asks = {tokens: self._way.format.ask(self.call.fields, max_tokens=tokens)}
        return self._asks[tokens]

    def _size(self) -> int:
        return other_bytes(self.call.fields, beside="")

    def _is_native(self, offer: Offer) -> bool:
        return self._way.native is not None and self._way.native.kind == offer.provider.kind


def bound_of(call: ModelCall, plan: Plan, output_tokens: int) -> Bound:
    """The bound to send along, when so much output may be produced by all choices together."""
    each = max(1, output_tokens // plan.choices)
    model = plan.model
    is_known = each == call.max_tokens
    if call.max_tokens is None:
        # Where a model's own limit is unknown to us, it is below its context anyway.
        is_known = each == (model.context if model.max_output is None else model.max_output)
    return Bound(each, plan.max_tokens_name, is_news=not is_known)


def _dialect(offer: Offer, bound: Bound) -> Dialect:
    if offer.provider.kind != "openai":
        return DIALECTS[offer.provider.kind]
    return OpenAI(limit=bound.name, strict=urlsplit(offer.provider.base_url).hostname == OPENAI_ITSELF)
