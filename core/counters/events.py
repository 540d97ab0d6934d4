"""Events of a settlement stream, read into what is booked."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NotRequired, TypedDict
from uuid import UUID

import msgspec

from core.charging.calls import FINAL, ORPHAN, Entry, orphan_facts
from core.charging.generations import number_of
from core.counters.requests import Settlement
from core.money import MAX_USD, NANOS_PER_USD
from core.rules.periods import DAY_MS

MAX_N = MAX_USD * NANOS_PER_USD
OLDEST_MS = 400 * DAY_MS  # an id from before, or from the future, is no call of ours
AHEAD_MS = 2 * DAY_MS
RANKS = {"1": ORPHAN, "2": FINAL}
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Poisoned(Exception):
    """An event no row can be made of."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What Redis gave back of a pool, all in all (nano-dollars)."""

    wallet_id: UUID
    gen: int
    total_n: int


class _Base(TypedDict):
    """What is known of a call when it is admitted."""

    key_id: str
    user_id: str
    team_id: str | None
    member_id: str | None
    model_id: str
    price_card_id: str
    stream: bool
    app_name: str
    app_url: str
    quotas: list[str]


class _Final(TypedDict):
    """How it ended."""

    provider: str
    status: Annotated[int, msgspec.Meta(ge=0, le=999)]
    reason: str
    finish_reason: str | None
    estimated: bool
    disputed: bool
    duration_ms: Count
    first_byte_ms: Count | None
    price_card_id: NotRequired[str]
    model_id: NotRequired[str]
    input_tokens: Count
    cached_tokens: Count
    cache_write_tokens: Count
    output_tokens: Count
    reasoning_tokens: Count
    upstream_n: Count
    points: NotRequired[Count]


_base = msgspec.json.Decoder(_Base).decode
_final = msgspec.json.Decoder(_Final).decode


def read(event_id: str, fields: Mapping[str, str]) -> Entry | Returned:
    """Read one event. Raises Poisoned."""
    try:
        ended_at = datetime.fromtimestamp(int(event_id.partition("-")[0]) / 1000, UTC)
        if fields["k"] == "return":
            return Returned(UUID(fields["w"]), number_of(fields["g"]), _whole(fields["a"]))
        return _entry(fields, ended_at)
    except (KeyError, ValueError, TypeError, OverflowError, OSError, msgspec.MsgspecError) as error:
        raise Poisoned(f"{type(error).__name__}: {error}"[:500]) from None


def lost_entry(end: Settlement, *, now: datetime) -> Entry:
    """What is booked of a settlement that cannot be sent to Redis: no more than was held."""
    final: dict[str, Any] = {**_final(end.final)}
    points = final.pop("points", 0)
    return Entry(
        request_id=end.request_id,
        wallet_id=end.wallet_id,
        rank=FINAL,
        charge_n=min(end.charge_n, end.hold_n),
        facts={**_base(end.base), **final, "ended_at": now},
        gen=number_of(end.gen),
        points=points,
    )


def _entry(fields: Mapping[str, str], ended_at: datetime) -> Entry:
    request_id, rank = UUID(fields["r"]), RANKS[fields["k"]]
    if not -AHEAD_MS < time.time_ns() // 1_000_000 - (request_id.int >> 80) < OLDEST_MS:
        raise ValueError("the request id is of no time of ours")
    final: dict[str, Any] = _orphan(fields["f"]) if rank == ORPHAN else {**_final(fields["f"])}
    points = final.pop("points", 0)
    return Entry(
        request_id=request_id,
        wallet_id=UUID(fields["w"]),
        rank=rank,
        charge_n=_whole(fields["a"]),
        facts={**_base(fields["e"]), **final, "ended_at": ended_at},
        gen=number_of(fields["g"]),
        points=points,
    )


def _orphan(text: str) -> dict[str, Any]:
    upstream_n, tokens, duration_ms = text.split("|")
    return orphan_facts(
        upstream_n=_whole(upstream_n), output_tokens=_whole(tokens), duration_ms=max(0, int(duration_ms))
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or (number := int(text)) > MAX_N:
        raise ValueError("a number is out of bounds")
    return number
