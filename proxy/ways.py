"""The way of a call from its client's format to a provider's dialect, and of the answer back.

Where the two are the same, bytes pass through. Else the call is read in the one and written in the other, and
what the other cannot say is refused.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from core.charging.calls import Call
from proxy.catalog import Offer
from proxy.formats.format import Format
from proxy.meter import Meter
from proxy.model_call import ModelCall
from proxy.passages.converted import ConvertedPassage
from proxy.passages.passage import Passage
from proxy.providers.dialect import Dialect


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


class Native(NamedTuple):
    """The dialect that takes a format as it is."""

    kind: str
    path: str
    body: Callable[..., bytes]
    passage: Callable[[Meter, Call], Passage]


class Way(msgspec.Struct, frozen=True):
    """From one format to every dialect."""

    format: Format
    native: Native | None
    dialects: Mapping[str, Dialect]

    def outgoing(self, call: ModelCall, offer: Offer, bound: Bound) -> Outgoing:
        """What to send for a call. Raises Inexpressible, and BadRequest for what is malformed."""
        native = self._native(offer)
        if native is not None:
            limit = (bound.name, bound.tokens) if bound.is_news else None
            body = native.body(call.fields, model=offer.upstream_model, stream=call.stream, max_tokens=limit)
            return Outgoing(native.path, body)
        dialect = self.dialects[offer.provider.kind]
        ask = self.format.ask(call.fields, max_tokens=bound.tokens)
        return Outgoing(
            dialect.path(offer.upstream_model, stream=call.stream),
            dialect.request_body(ask, model=offer.upstream_model, stream=call.stream),
        )

    def passage(self, meter: Meter, call: Call) -> Passage:
        """How the answer of the offer that served goes to the client."""
        assert meter.offer is not None
        native = self._native(meter.offer)
        if native is not None:
            return native.passage(meter, call)
        writer = self.format.writer(
            answer_id=str(call.request_id), model=call.model_id, created=int(time.time())
        )
        return ConvertedPassage(meter, self.dialects[meter.offer.provider.kind].reader(), writer)

    def _native(self, offer: Offer) -> Native | None:
        return self.native if self.native is not None and self.native.kind == offer.provider.kind else None
