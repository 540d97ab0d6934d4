"""What a dialect is: a module with these functions. `dialects/` holds one module for each."""

import json
from collections.abc import Callable, Mapping
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
    """Bytes that go out in one write, what they are, and the tokens the client has once it holds them.

    `usage` is what these bytes report. Thoughts are no content: they come before it, whatever is asked for.
    """

    data: bytes
    kind: Literal["other", "content", "usage", "end"] = "other"
    tokens: int = 0
    usage: dict[str, Any] | None = None


Told = Callable[[Usage], dict[str, Any] | None]
"""Shapes a count as the call reports it, with the lie told; None is no usage."""


class Dialect(Protocol):
    def admit(self, headers: Mapping[str, str]) -> None:
        """Check the caller's key and what else must stand in the headers; raises Refusal."""

    def new_id(self) -> str:
        """Make the id of one answer."""

    def read(self, body: dict[str, Any], *, named: Mapping[str, str]) -> Ask:
        """Read a request: its body, and what path, query and headers name; raises Refusal."""

    def report(self, usage: Usage, *, lie: str | None) -> dict[str, Any] | None:
        """Shape the usage as this provider reports it, with the lie told; None is no usage."""

    def whole(self, head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> bytes:
        """Shape an answer that is not streamed."""

    def stream(self, head: Head, ask: Ask, answer: Answer, told: Told) -> list[Frame]:
        """Shape a streamed answer."""

    def refuse(self, refusal: Refusal) -> bytes:
        """Shape an error that comes instead of an answer."""

    def failure(self, refusal: Refusal) -> bytes:
        """Shape an error that comes in the midst of a stream."""


def compact(value: Any) -> str:
    """Write JSON as providers send it: no spaces between its parts, letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encoded(text: str) -> bytes:
    """Give the bytes of a text; an unpaired surrogate of an echoed prompt has no UTF-8 form, so `?` it is."""
    return text.encode(errors="replace")
