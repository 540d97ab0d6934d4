"""What a command answers: one JSON object for programs, calm text for people."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

# Amounts are exact: a Decimal is written as a JSON number with all its digits.
_JSON = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Answer:
    """`data` is printed with --json, `text` without. `exit_code` is the process's."""

    data: dict[str, Any]
    text: str
    exit_code: int = 0


def to_json(data: dict[str, Any]) -> str:
    return msgspec.json.format(_JSON.encode(data), indent=2).decode()


def table(
    heads: Sequence[str], rows: Sequence[Sequence[object]], *, right: frozenset[int] = frozenset()
) -> str:
    """Aligned columns under their heads; those in `right` (amounts) are aligned to the right."""
    lines = [[printable(str(cell)) for cell in row] for row in (heads, *rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            " " * gap + cell if column in right else cell + " " * gap
            for column, cell in enumerate(line)
            for gap in [widths[column] - _width(cell)]
        ).rstrip()
        for line in lines
    )


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """A line a fact, the values under one another."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name.ljust(width)}  {printable(str(value))}".rstrip() for name, value in pairs)


def printable(text: str) -> str:
    """Text from outside without what would steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def yes_no(*, value: bool) -> str:
    return "yes" if value else "no"


def _width(text: str) -> int:
    """Columns of a terminal: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
