"""What scripts answer, read into values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from core.charging.calls import Admitted, Call, Stale, TooFast, Tripped, Verdict
from core.rules.admission import Deny
from core.rules.rates import Rate, rate_at

FUSE_SCOPES: dict[str, Literal["member", "team", "org"]] = {"m": "member", "t": "team", "o": "org"}
SCOPES: dict[str, Literal["key", "member", "team", "plan", "session"]] = {
    "k": "key",
    "m": "member",
    "t": "team",
    "p": "plan",
    "e": "session",
}
UNITS: dict[str, Literal["usd", "tokens", "points", "requests"]] = {
    "u": "usd",
    "t": "tokens",
    "p": "points",
    "r": "requests",
}


@dataclass(frozen=True, slots=True)
class Again:
    """Not decided: something must be done first, then the call may be asked again."""

    need: Literal["generation", "counters", "lease", "clock", "settling"]
    ms: int = 0  # for "clock": what time it is in Redis; for "settling": how long to wait
    is_short: bool = False  # for "lease": there is one, with too little left


class Held(msgspec.Struct, frozen=True):
    """An admitted call's hold in Redis."""

    admitted: Admitted
    is_low: bool  # the pool should be refilled
    shadows: tuple[Tripped, ...]  # what would have refused it, were it not in shadow mode


def admission(reply: Any, call: Call, *, gen: str) -> Held | Verdict | Again:
    """Read admit.lua's answer. Raises ValueError for one that makes no sense."""
    words = [word.decode() for word in reply]
    match words[0]:
        case "OK":
            shadows = () if words[5] in {"", "dup"} else tuple(map(_shadow, words[5].split(";")))
            admitted = Admitted(int(words[3]), _rate(words, call), gen)
            return Held(admitted, words[4] == "1", shadows)
        case "STALE" | "DONE":
            return Stale()
        case "REGEN":
            return Again("generation")
        case "LOAD":
            return Again("counters")
        case "CLOCK":
            return Again("clock", ms=int(words[1]))
        case "NOLEASE":
            return Again("lease", is_short=words[3] == "short")
        case "SETTLING":
            return Again("settling", ms=int(words[3]))
    return _refusal(words, call)


def _refusal(words: Sequence[str], call: Call) -> Verdict:
    rate = _rate(words, call)
    match words[0]:
        case "RATE":
            return TooFast(limit=int(words[3]), retry_ms=int(words[4]), rate=rate)
        case "BUSY":
            return TooFast(limit=int(words[3]), retry_ms=1000, rate=rate, at_once=True)
        case "GLOBAL":
            return Tripped("global", "minute", retry_ms=int(words[3]), rate=rate)
        case "BREAKER":
            return _tripped(words[3:7], retry_ms=int(words[7]), rate=rate)
        case "LIMIT":
            return _over(words[3:], call, rate)
        case "SHORT":
            return Deny("wallet", call.want.floor_n, int(words[3]), int(words[4]), rate=rate)
    raise ValueError(f"admit answered {words[0]}")


def _over(words: Sequence[str], call: Call, rate: Rate | None) -> Deny:
    name, unit, limit, spent, held, end_ms = words
    needs = {"u": call.want.floor_n, "t": call.tokens, "p": call.points, "r": 1}
    return Deny(
        scope=SCOPES[name[0]],
        needed_n=needs[unit],
        available_n=int(limit) - int(spent) - int(held),
        held_n=int(held),
        limit_n=int(limit),
        resets_at=datetime.fromtimestamp(int(end_ms) / 1000, UTC),
        unit=UNITS[unit],
        rate=rate,
    )


def _tripped(
    words: Sequence[str], *, retry_ms: int = 0, rate: Rate | None = None, is_shadow: bool = False
) -> Tripped:
    name, window, spent, limit = words
    return Tripped(
        scope=FUSE_SCOPES[name[0]],
        window="minute" if window == "minute" else "hour",
        retry_ms=retry_ms,
        spent_n=int(spent),
        limit_n=int(limit),
        subject_id=UUID(name[2:]),
        rate=rate,
        is_shadow=is_shadow,
    )


def _shadow(text: str) -> Tripped:
    return _tripped(text.split("|"), is_shadow=True)


def _rate(words: Sequence[str], call: Call) -> Rate | None:
    remaining, reset_ms = int(words[1]), int(words[2])
    if call.caller.rpm == 0 or remaining < 0:
        return None
    return Rate(call.caller.rpm, remaining, -(-reset_ms // 1000))


def rate(arrival: Any, time: Any, *, limit: int) -> Rate:
    """Where a caller stands: by when its calls are all there again, and what time it is in Redis."""
    seconds, micros = (int(part) for part in time)
    return rate_at(limit, arrival_us=int(arrival or 0), now_us=seconds * 1_000_000 + micros)


@dataclass(frozen=True, slots=True)
class Extension:
    added_n: int
    is_low: bool


def extension(reply: Any) -> Extension | Again:
    words = [word.decode() for word in reply]
    match words[0]:
        case "OK":
            return Extension(int(words[1]), words[2] == "1")
        case "NOLEASE":
            return Again("lease", is_short=words[1] == "short")
        case "REGEN":
            return Again("generation")
        case "GONE":
            return Extension(0, is_low=False)
    raise ValueError(f"extend answered {words[0]}")
