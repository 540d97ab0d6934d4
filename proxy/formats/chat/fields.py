"""An object of a request, taken apart field by field: what is left in the end has no place."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from core.errors import BadRequest
from proxy.conversation import Inexpressible

_shallow = msgspec.json.Decoder(
    dict[str, msgspec.Raw] | list[msgspec.Raw] | str | int | float | bool | None
).decode
NOTHING: tuple[Any, ...] = (None, [], {})
_deep = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def opened(value: Any) -> Any:
    """A value one level deep, if it is not decoded yet."""
    return _shallow(value) if isinstance(value, msgspec.Raw) else value


class Fields:
    """Reads each field once. Null says nothing, nor does an empty list or object. `at` is its place."""

    def __init__(self, value: Any, at: str = "") -> None:
        value = opened(value)
        if not isinstance(value, Mapping):
            raise BadRequest(f"{at} must be an object.", param=at)
        self._left = dict(value)
        self._at = at

    def path(self, name: str) -> str:
        return f"{self._at}.{name}" if self._at else name

    def wrong(self, name: str, what: str) -> BadRequest:
        return BadRequest(f"{self.path(name)} must be {what}.", param=self.path(name))

    def take(self, name: str) -> Any:
        """The value of a field, one level deep; None when there is none."""
        return opened(self._left.pop(name, None))

    def drop(self, *names: str) -> None:
        """Pass over fields that change no answer."""
        for name in names:
            self._left.pop(name, None)

    def whole_value(self, name: str) -> Any:
        """The value of a field, all of it."""
        value = self._left.pop(name, None)
        return _deep(value) if isinstance(value, msgspec.Raw) else value

    def raw(self, name: str) -> msgspec.Raw | None:
        """An object as it came."""
        value = self._left.pop(name, None)
        if (there := opened(value)) is None:
            return None
        if not isinstance(there, Mapping):
            raise self.wrong(name, "an object")
        return value if isinstance(value, msgspec.Raw) else msgspec.Raw(_encode(value))

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "text")
        return value

    def needed(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise self.wrong(name, "given, as text")
        return value

    def one_of(self, name: str, allowed: Collection[str]) -> str | None:
        value = self.take(name)
        if value is not None and not (isinstance(value, str) and value in allowed):
            raise self.wrong(name, f"one of {', '.join(allowed)}")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(name, f"a number from {low:g} to {high:g}")
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(name, f"a whole number from {low} to {high}")
        return value

    def object(self, name: str) -> "Fields | None":
        value = self.take(name)
        return None if value is None else Fields(value, self.path(name))

    def objects(self, name: str) -> "list[Fields]":
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            raise self.wrong(name, "a list")
        return [Fields(item, f"{self.path(name)}[{index}]") for index, item in enumerate(value or ())]

    def no_place(self, name: str) -> Inexpressible:
        path = self.path(name)
        return Inexpressible(
            path,
            f"{path} cannot be said to the provider of this model: it speaks another format. Leave it out.",
        )

    def end(self) -> None:
        """Refuse what nobody took: passing over it would give another answer than was asked for."""
        for name, value in self._left.items():
            if opened(value) not in NOTHING:
                raise self.no_place(name)
