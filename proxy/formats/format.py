"""What a client's format is: how its requests are read, and how answers are written for it."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from core.charging.calls import Ending
from core.errors import Refused
from proxy.conversation import Ask, Event


class Bill(msgspec.Struct, frozen=True):
    """What a call came to, once it is settled: its usage, and what the wallet paid (nano-dollars)."""

    ending: Ending
    charge_n: int


class Writer(Protocol):
    """Writes one answer: whole, or as a stream of server-sent events."""

    def event(self, event: Event) -> bytes:
        """What the client is sent for an event; nothing where the end says it."""

    def end(self, bill: Bill) -> bytes:
        """The last of a stream: why it is over, and what it cost."""

    def failed(self, refused: Refused, bill: Bill, *, provider: str) -> bytes:
        """The last of a stream that broke: an HTTP error it can no longer be."""

    def whole(self, events: Iterable[Event], bill: Bill) -> bytes:
        """A plain answer."""


class Format(Protocol):
    """All pure; no I/O."""

    def ask(self, fields: Mapping[str, Any], *, max_tokens: int) -> Ask:
        """A request in nobody's words. Raises BadRequest for what is malformed, and Inexpressible for a field
        that only a provider of the same format would understand.
        """

    def writer(self, fields: Mapping[str, Any], *, answer_id: str, model: str, created: int) -> Writer:
        """Writes the answer to a request of these fields."""
