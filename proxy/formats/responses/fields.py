"""An object of a request, read field by field: each value checked, each refusal naming its field."""

from collections.abc import Collection
from typing import Any

import msgspec

from core.errors import BadRequest
from proxy.conversation import Inexpressible

MAX_NAME = 60  # of what a refusal repeats


class Fields:
    """What is left of an object while it is read: who takes a field answers for it, and none may stay behind.

    A field that is null counts as one that was not sent.
    """

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise BadRequest(f"{path or 'The body'} must be an object.", param=path or None)
        self._left = {name: inner for name, inner in value.items() if inner is not None}
        self._path = path

    def at(self, name: str) -> str:
        """A field by its full name, as a refusal calls it."""
        return f"{self._path}.{name[:MAX_NAME]}" if self._path else name[:MAX_NAME]

    def take(self, name: str) -> Any:
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "must be text")
        return value

    def needed_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise self.wrong(name, "is missing")
        return value

    def word(self, name: str, words: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in words:
            raise self.wrong(name, f"must be one of: {', '.join(words)}")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return value

    def number(self, name: str, *, high: int) -> float | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
            raise self.wrong(name, f"must be a number from 0 to {high}")
        return float(value)

    def inner(self, name: str) -> "Fields | None":
        value = self.take(name)
        return None if value is None else Fields(value, self.at(name))

    def entries(self, name: str) -> list[Any] | None:
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            raise self.wrong(name, "must be a list")
        return value

    def objects(self, name: str) -> "list[Fields]":
        """A list of objects, each named by its place; none when there is no list."""
        return [
            Fields(entry, f"{self.at(name)}[{index}]") for index, entry in enumerate(self.entries(name) or ())
        ]

    def json(self, name: str) -> msgspec.Raw | None:
        """An object that is nobody's business here, as JSON."""
        value = self.take(name)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(name, "must be an object")
        return None if value is None else msgspec.Raw(msgspec.json.encode(value))

    def empty(self, name: str, why: str) -> None:
        """A list that means nothing while it is empty, and cannot be carried on when it is not."""
        if self.entries(name):
            raise self.foreign(name, why)

    def none_left(self) -> None:
        """Refuse what nobody took: it would be dropped, and whoever sent it would not know."""
        for name in self._left:
            raise self.foreign(name, "cannot be passed on from here. Leave it out")

    def wrong(self, name: str, what: str) -> BadRequest:
        return BadRequest(f"{self.at(name)} {what}.", param=self.at(name))

    def foreign(self, name: str, why: str) -> Inexpressible:
        return Inexpressible(self.at(name), f"{self.at(name)} {why}.")
