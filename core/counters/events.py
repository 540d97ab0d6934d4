"""Events of a settlement stream, read into what is booked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from core.charging.calls import FINAL, ORPHAN, Entry, orphan_facts
from core.charging.generations import number_of
from core.counters.requests import Settlement
from core.ids import created_at
from core.money import MAX_USD, NANOS_PER_USD

MAX_N = MAX_USD * NANOS_PER_USD
OLDEST = timedelta(days=400)  # an id from before, or from the future, is no call of ours
AHEAD = timedelta(days=2)
_facts = msgspec.json.Decoder(dict[str, Any]).decode


class Poisoned(Exception):
    """An event no row can be made of."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What Redis gave back of a pool, all in all (nano-dollars)."""

    wallet_id: UUID
    gen: int
    total_n: int


def read(event_id: str, fields: Mapping[str, str]) -> Entry | Returned:
    """Read one event. Raises Poisoned."""
    try:
        ended_at = datetime.fromtimestamp(int(event_id.partition("-")[0]) / 1000, UTC)
        if fields["k"] == "return":
            return Returned(UUID(fields["w"]), number_of(fields["g"]), _amount(fields["a"]))
        return _entry(fields, ended_at)
    except (KeyError, ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
        raise Poisoned(f"{type(error).__name__}: {error}"[:500]) from None


def lost_entry(end: Settlement, *, now: datetime) -> Entry:
    """What is booked of a settlement that cannot be sent to Redis: no more than was held."""
    base = _facts(end.base)
    points = int(base.pop("points", 0))
    return Entry(
        request_id=end.request_id,
        wallet_id=end.wallet_id,
        rank=FINAL,
        charge_n=min(end.charge_n, end.hold_n),
        facts={**base, **_facts(end.final), "ended_at": now},
        gen=number_of(end.gen),
        points=points,
    )


def _entry(fields: Mapping[str, str], ended_at: datetime) -> Entry:
    request_id, rank = UUID(fields["r"]), int(fields["k"])
    if not -AHEAD < datetime.now(UTC) - created_at(request_id) < OLDEST:
        raise ValueError("the request id is of no time of ours")
    base = _facts(fields["e"])
    points = int(base.pop("points", 0))
    final = _orphan(fields["f"]) if rank == ORPHAN else _facts(fields["f"])
    return Entry(
        request_id=request_id,
        wallet_id=UUID(fields["w"]),
        rank=rank,
        charge_n=_amount(fields["a"]),
        facts={**base, **final, "ended_at": ended_at},
        gen=number_of(fields["g"]),
        points=points,
    )


def _orphan(text: str) -> dict[str, Any]:
    upstream_n, tokens, duration_ms = map(int, text.split("|"))
    return orphan_facts(upstream_n=upstream_n, output_tokens=tokens, duration_ms=max(0, duration_ms))


def _amount(text: str) -> int:
    amount = int(text)
    if not 0 <= amount <= MAX_N:
        raise ValueError("the amount is out of bounds")
    return amount
