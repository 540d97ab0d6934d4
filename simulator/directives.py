"""What a call may tell the simulator to do, in its model name (`tiny+chunks=5`) or in `X-Simulator`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from dataclasses import fields as fields_of

from simulator.refusals import Refusal
from simulator.settings import LONGEST_WAIT_S

HEADER = "X-Simulator"
MALFORMED = (
    *("json", "nodata", "bom", "crlf", "utf8", "split", "nul", "longline"),
    *("doubleusage", "afterdone", "nodone", "truncated"),
)
LIES = ("missing", "zero", "x10", "negative", "nan", "huge", "string")
FAULTS = (
    *(
        "refuse",
        "hang",
        "hang_mid",
        "cut",
        "error_mid",
        "status",
        "redirect",
        "malformed",
        "usage",
        "overrun",
    ),
    *("drip", "gzip_bomb", "cookies", "empty", "notjson"),
)
MOST_TOKENS = 100_000
MOST_REPORTED = 10_000_000
MOST_CALLS = 8
HALF = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """One call's directives. Times are seconds; `HALF` of `cut` and its like is half of the chunks."""

    tokens: int | None = None
    prompt: int | None = None
    cached: int = 0
    cache_write: int = 0
    reasoning: int | None = None
    chunks: int | None = None
    delay: float = 0.0
    wait: float = 0.0
    echo: bool = False
    calls: int | None = None
    filter: bool = False
    refuse: bool = False
    hang: bool = False
    hang_mid: int | None = None
    cut: int | None = None
    error_mid: int | None = None
    status: int | None = None
    retry_after: int | None = None
    redirect: bool = False
    malformed: str | None = None
    usage: str | None = None
    overrun: int | None = None
    drip: float = 0.0
    gzip_bomb: bool = False
    cookies: bool = False
    empty: bool = False
    notjson: bool = False

    def fault(self) -> str | None:
        """Name the faults asked for, joined by `+`, for the truth log."""
        asked = ((name, getattr(self, name)) for name in FAULTS)
        return "+".join(_named(name, value) for name, value in asked if _is_asked(value)) or None


def _is_asked(value: object) -> bool:
    # `cut=0` is asked for, although 0 equals False; a pause of 0 seconds is none.
    return value is not None and value is not False and (isinstance(value, int | str) or value != 0)


def _named(name: str, value: object) -> str:
    return name if value is True or value == HALF else f"{name}={value}"


def _count(most: int, *, least: int = 0) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not least <= int(value[:12]) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return read


def _half_or_count(value: str) -> int:
    return _count(MOST_TOKENS)(value) if value else HALF


def _seconds(value: str) -> float:
    wanted = f"seconds from 0 to {LONGEST_WAIT_S:g}"
    try:
        seconds = float(value)
    except ValueError:
        raise ValueError(wanted) from None
    if not 0 <= seconds <= LONGEST_WAIT_S:
        raise ValueError(wanted)
    return seconds


def _flag(value: str) -> bool:
    if value:
        raise ValueError("no value")
    return True


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return value

    return read


_READERS: dict[str, Callable[[str], object]] = {
    "tokens": _count(MOST_TOKENS),
    "prompt": _count(MOST_REPORTED),
    "cached": _count(MOST_REPORTED),
    "cache_write": _count(MOST_REPORTED),
    "reasoning": _count(MOST_REPORTED),
    "chunks": _count(MOST_TOKENS, least=1),
    "calls": _count(MOST_CALLS, least=1),
    "delay": _seconds,
    "wait": _seconds,
    "hang_mid": _half_or_count,
    "cut": _half_or_count,
    "error_mid": _half_or_count,
    "status": _count(599, least=400),
    "retry_after": _count(86_400),
    "malformed": _one_of(*MALFORMED),
    "usage": _one_of(*LIES),
    "overrun": _count(MOST_TOKENS),
    "drip": _seconds,
}
KNOWN = tuple(field.name for field in fields_of(Directives))


def read_directives(model: str, headers: Iterable[str] = ()) -> Directives:
    """Read the directives after the first `+` of a model name, then those of the headers, which win."""
    words = model.split("+")[1:]
    for header in headers:
        words.extend(header.split(";"))
    return Directives(**dict(_read(word) for word in words if word.strip()))  # type: ignore[arg-type]


def bare_name(model: str) -> str:
    """Give the model name without its directives."""
    return model.partition("+")[0]


def _read(word: str) -> tuple[str, object]:
    name, _, value = (part.strip() for part in word.partition("="))
    if name not in KNOWN:
        raise Refusal(
            f"Unknown directive {name[:40]!r}. Use one of: {', '.join(KNOWN)}.", param=HEADER.lower()
        )
    try:
        return name, _READERS.get(name, _flag)(value)
    except ValueError as wanted:
        raise Refusal(f"Directive {name!r} takes {wanted}.", param=HEADER.lower()) from None
