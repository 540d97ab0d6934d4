"""One call on its way from its client's format to a provider's dialect, and the answer on its way back.

Where the two are the same, bytes pass through. Else the call is read in the one and written in the other, and
what the other cannot say is refused.
"""

import time
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import NamedTuple
from urllib.parse import quote, urlsplit
from uuid import UUID

import msgspec

from core.charging.calls import Call
from core.errors import BadRequest
from proxy.catalog import Offer
from proxy.conversation import Ask, Inexpressible
from proxy.large_bodies import LargeBodies
from proxy.meter import Meter
from proxy.model_call import ModelCall, other_bytes
from proxy.passages.converted import ConvertedPassage
from proxy.passages.passage import Passage
from proxy.plan import Plan
from proxy.providers.anthropic import Anthropic
from proxy.providers.dialect import Dialect
from proxy.providers.gemini.dialect import Gemini
from proxy.providers.openai import OpenAI
from proxy.ways import Native, Way

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


class Crossing:
    """One call on its way. A large one is read and written beside the loop."""

    def __init__(self, way: Way, call: ModelCall, large: LargeBodies) -> None:
        self.call = call
        self._way = way
        self._large = large
        self._asks: dict[int, Ask] = {}  # by the bound in it
        self._written: dict[tuple[UUID, str, Bound], Outgoing] = {}

    def of(self, call: ModelCall) -> "Crossing":
        """The same way for what the call has become."""
        return self if call is self.call else Crossing(self._way, call, self._large)

    async def only_sayable(self, plan: Plan) -> Plan:
        """The plan without offers whose dialect cannot say this call. Raises BadRequest when none is left.

        What is written for that is what will be sent, unless less can be held than is planned.
        """
        if not plan.fallbacks and all(map(self._says_all, plan.offers)):
            return plan
        return await self._large.work(partial(self._only_sayable, plan), size=self._size())

    async def outgoing(self, offer: Offer, bound: Bound) -> Outgoing:
        """What to send to an offer. Raises BadRequest for what is malformed, or cannot be said."""
        if (native := self._native(offer)) is not None and native.says_all:
            return self._passed_on(native, offer, bound)
        try:
            return await self._large.work(partial(self._written_for, offer, bound), size=self._size())
        except Inexpressible as error:
            raise self._way.refused(error) from None

    def _only_sayable(self, plan: Plan) -> Plan:
        refusals: list[BadRequest] = []
        plans = [made for one in plan.models if (made := self._sayable(one, refusals)).offers]
        if not plans:
            raise refusals[0]
        return msgspec.structs.replace(plans[0], fallbacks=tuple(plans[1:]))

    def passage(self, meter: Meter, call: Call) -> Passage:
        """How the answer of the offer that serves goes to the client."""
        assert meter.offer is not None
        if (native := self._native(meter.offer)) is not None:
            return native.passage(meter, call, self.call)
        assert self._way.format is not None  # else nothing was sent
        writer = self._way.format.writer(
            self.call.fields,
            answer_id=str(call.request_id),
            model=meter.plan.model.id,
            created=int(time.time()),
        )
        reader, hides_thoughts = DIALECTS[meter.offer.provider.kind].reader(), self.call.hides_thoughts
        return ConvertedPassage(meter, reader, writer, hides_thoughts=hides_thoughts)

    def _written_for(self, offer: Offer, bound: Bound) -> Outgoing:
        native = self._native(offer)
        known = (offer.provider.id, offer.upstream_model, bound)
        if known not in self._written:
            made = self._converted(offer, bound) if native is None else self._passed_on(native, offer, bound)
            self._written = {known: made}
        return self._written[known]

    def _passed_on(self, native: Native, offer: Offer, bound: Bound) -> Outgoing:
        model = offer.upstream_model
        limit = (bound.name, bound.tokens) if bound.is_news else None
        body = native.pass_on(self.call.fields, model=model, stream=self.call.stream, max_tokens=limit)
        return Outgoing(_path(native.path, model), body)

    def _converted(self, offer: Offer, bound: Bound) -> Outgoing:
        model, stream, dialect = offer.upstream_model, self.call.stream, _dialect(offer, bound)
        body = dialect.request_body(self._ask(bound.tokens), model=model, stream=stream)
        return Outgoing(dialect.path(model, stream=stream), body)

    def _sayable(self, plan: Plan, refusals: list[BadRequest]) -> Plan:
        bound = bound_of(self.call, plan, plan.output_tokens)
        offers = []
        for offer in plan.offers:
            try:
                if not self._says_all(offer):
                    self._written_for(offer, bound)
                offers.append(offer)
            except Inexpressible as error:
                refusals.append(self._way.refused(error))
            except BadRequest as error:  # for all we know of the format: who speaks it may know more
                refusals.append(error)
        return msgspec.structs.replace(plan, offers=tuple(offers), fallbacks=())

    def _ask(self, tokens: int) -> Ask:
        if self._way.format is None:
            raise Inexpressible("model", "No provider of this model can be asked for that.")
        if tokens not in self._asks:
            try:
                ask = self._way.format.ask(self.call.fields, max_tokens=tokens)
            except Inexpressible as error:  # by the name it came with: there is nothing to translate
                raise BadRequest(str(error), param=error.param) from None
            self._asks = {tokens: ask}
        return self._asks[tokens]

    def _size(self) -> int:
        return other_bytes(self.call.fields, beside="")

    def _native(self, offer: Offer) -> Native | None:
        return self._way.native(offer.provider.kind, offer.mode)

    def _says_all(self, offer: Offer) -> bool:
        native = self._native(offer)
        return native is not None and native.says_all


def bound_of(call: ModelCall, plan: Plan, output_tokens: int) -> Bound:
    """The bound to send along, when so much output may be produced by all choices together."""
    each = max(1, output_tokens // plan.choices)
    model = plan.model
    is_known = each == call.max_tokens
    if call.max_tokens is None:
        # Where a model's own limit is unknown to us, it is below its context anyway.
        is_known = each == (model.context if model.max_output is None else model.max_output)
    return Bound(each, plan.max_tokens_name, is_news=not is_known)


@lru_cache(maxsize=1024)  # of some hundred models there are
def _path(pattern: str, model: str) -> str:
    return pattern.replace("{model}", quote(model, safe=""))


def _dialect(offer: Offer, bound: Bound) -> Dialect:
    if offer.provider.kind != "openai":
        return DIALECTS[offer.provider.kind]
    return OpenAI(limit=bound.name, strict=urlsplit(offer.provider.base_url).hostname == OPENAI_ITSELF)
