"""What a dialect is: how one kind of provider is asked, and how its answers are read."""

from collections.abc import Mapping
from typing import Protocol

from proxy.conversation import Ask, Event

MAX_TOKENS_PER_CALL = 1 << 31  # a provider that states more is not believed


class Reader(Protocol):
    """Reads one answer: whole, or event by event."""

    has_last_word: bool  # else the end of a stream is the end of the connection
    is_done: bool  # the stream said its last word

    def event(self, data: bytes) -> list[Event]:
        """What one server-sent event tells. Raises MalformedStream for what is an error, or no answer."""

    def whole(self, body: bytes) -> list[Event]:
        """What a plain answer tells. Raises MalformedStream."""


class Dialect(Protocol):
    """All pure; no I/O."""

    def path(self, model: str, *, stream: bool) -> str:
        """Where a call goes, below the provider's base URL."""

    def headers(self, api_key: str) -> Mapping[str, str]:
        """What a provider is told beside the body and the request id. Nothing of it comes from the client."""

    def request_body(self, ask: Ask, *, model: str, stream: bool) -> bytes:
        """The body of a call. Raises Inexpressible, naming the field, for what this dialect cannot say."""

    def reader(self) -> Reader: ...
