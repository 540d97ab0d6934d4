"""What a dialect is: a module with these functions. `dialects/` holds one module for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from simulator.asks import Ask
from simulator.engine import Answer, Usage
from simulator.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Head:
    """What names an answer. `created` is unix seconds."""

    id: str
    created: int
    model: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that go out in one write, what they are, and the tokens the client has once it holds them."""

    data: bytes
    kind: Literal["other", "content", "usage", "end"] = "other"
    tokens: int = 0


class Dialect(Protocol):
    def token_of(self, headers: Mapping[str, str]) -> str:
        """Give the token that the caller shows; empty when there is none."""

    def new_id(self) -> str:
        """Make the id of one answer."""

    def read(self, body: dict[str, Any]) -> Ask:
        """Read a request body; raises Refusal."""

    def report(self, usage: Usage, *, lie: str | None) -> dict[str, Any] | None:
        """Shape the usage as this provider reports it, with the lie told; None is no usage."""

    def whole(self, head: Head, answer: Answer, usage: dict[str, Any] | None) -> bytes:
        """Shape an answer that is not streamed."""

    def stream(self, head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> list[Frame]:
        """Shape a streamed answer."""

    def refuse(self, refusal: Refusal) -> bytes:
        """Shape an error."""
