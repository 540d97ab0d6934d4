"""Draining settlement streams: events are booked in PostgreSQL, then removed from Redis, in that order.

A ledger that dies in between reads them again; booking twice changes nothing. An event no row can be made of
goes to the quarantine, and the others go on.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from core.actions.partitions import ensure_partitions
from core.charging import pools
from core.charging.booking import book
from core.charging.calls import Entry
from core.counters.events import MAX_N, Poisoned, Returned, read
from core.ids import day_of

BATCH = 1000
QUARANTINE = text(
    "INSERT INTO quarantined_events (bucket, event_id, fields, amount_n, error) "
    "VALUES (:bucket, :event_id, CAST(:fields AS jsonb), :amount_n, :error) ON CONFLICT DO NOTHING"
)
_log = structlog.get_logger()


class Streams(Protocol):
    """Where events are read and removed."""

    def read(self, *, count: int) -> Mapping[int, Sequence[tuple[str, dict[str, str]]]]:
        """The oldest events of each bucket that has any, in their order."""

    def remove(self, event_ids: Mapping[int, Sequence[str]]) -> None:
        """Remove events, by bucket."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, where it stands, and what is to be booked of it."""

    bucket: int
    id: str
    fields: Mapping[str, str]
    content: Entry | Returned


class Drain:
    """Books what is in the streams. Its numbers are for whoever watches."""

    def __init__(self, engine: Engine, streams: Streams) -> None:
        self.booked = 0
        self.quarantined = 0
        self.oldest_ms: int | None = None  # when what waits longest came in; None: nothing waits
        self._engine = engine
        self._streams = streams
        self._months: set[tuple[int, int]] = set()  # whose partitions there are

    def round(self) -> int:
        """Book what there is of each stream. Returns how many events there were.

        Raises what SQLAlchemy and redis-py raise; then what is not booked is still there.
        """
        found = self._streams.read(count=BATCH)
        self._look_at_age(found)
        events = [
            event
            for bucket, pairs in found.items()
            for event_id, fields in pairs
            if (event := self._read(bucket, event_id, fields)) is not None
        ]
        for first in range(0, len(events), BATCH):
            self._book(events[first : first + BATCH])
        self.oldest_ms = None
        return sum(map(len, found.values()))

    def lag_s(self) -> float:
        """For how long what is not booked has been waiting."""
        oldest_ms = self.oldest_ms
        return 0.0 if oldest_ms is None else max(0.0, time.time() - oldest_ms / 1000)

    def _look_at_age(self, found: Mapping[int, Sequence[tuple[str, dict[str, str]]]]) -> None:
        first = [int(pairs[0][0].partition("-")[0]) for pairs in found.values() if pairs]
        self.oldest_ms = min(first, default=None)

    def _read(self, bucket: int, event_id: str, fields: dict[str, str]) -> Event | None:
        try:
            return Event(bucket, event_id, fields, read(event_id, fields))
        except Poisoned as error:
            self._quarantine(bucket, event_id, fields, str(error))
            return None

    def _book(self, events: Sequence[Event]) -> None:
        """Book a batch. When it holds something that cannot be booked, half by half, until that stands alone.

        Only what is wrong with an event sets it aside; what is wrong with PostgreSQL is raised.
        """
        try:
            strays = self._commit(events)
        except (DataError, IntegrityError) as error:
            if len(events) > 1:
                half = len(events) // 2
                self._book(events[:half])
                self._book(events[half:])
                return
            [event] = events
            name = type(error.orig).__name__
            self._quarantine(event.bucket, event.id, event.fields, f"cannot be booked: {name}")
            return
        for event in strays:
            self._quarantine(event.bucket, event.id, event.fields, "its wallet has no such call")
        done = {(event.bucket, event.id) for event in strays}
        self._remove([event for event in events if (event.bucket, event.id) not in done])

    def _commit(self, events: Sequence[Event]) -> list[Event]:
        """Book in one transaction. Returns the events of calls that their wallet does not have."""
        owners: dict[UUID, UUID] = {}
        entries = [
            event.content
            for event in events
            if isinstance(event.content, Entry)
            and owners.setdefault(event.content.request_id, event.content.wallet_id)
            == event.content.wallet_id
        ]
        self._ensure_partitions(entries)
        returned = _totals(events)
        with self._engine.begin() as connection:
            if returned:  # all wallets at once, or two of these could wait for each other
                pools.lock(connection, {entry.wallet_id for entry in entries} | {w for w, _ in returned})
            booked = book(connection, entries)
            for (wallet_id, gen), total_n in returned.items():
                pools.take_back(connection, wallet_id=wallet_id, gen=gen, total_n=total_n)
        mine = {(rid, owners[rid]) for rid in booked}
        return [
            event
            for event in events
            if isinstance(event.content, Entry)
            and (event.content.request_id, event.content.wallet_id) not in mine
        ]

    def _ensure_partitions(self, entries: Sequence[Entry]) -> None:
        """A month nobody made a partition for must not stop the books."""
        days = {day_of(entry.request_id) for entry in entries}
        new = {day for day in days if (day.year, day.month) not in self._months}
        if not new:
            return
        with Session(self._engine) as session, session.begin():
            for day in new:
                ensure_partitions(session, first=day, last=day)
        self._months |= {(day.year, day.month) for day in new}

    def _remove(self, events: Sequence[Event]) -> None:
        ids: dict[int, list[str]] = {}
        for event in events:
            ids.setdefault(event.bucket, []).append(event.id)
        self._streams.remove(ids)
        self.booked += len(events)

    def _quarantine(self, bucket: int, event_id: str, fields: Mapping[str, str], error: str) -> None:
        """Set an event aside, with its amount, and say so. It is removed once that is committed."""
        amount = fields.get("a", "")
        known = amount.isascii() and amount.isdigit() and len(amount) <= len(str(MAX_N))
        kept = {_storable(name): _storable(value) for name, value in fields.items()}
        row = {
            "bucket": bucket,
            "event_id": event_id,
            "fields": msgspec.json.encode(kept).decode(),
            "amount_n": int(amount) if known else 0,
            "error": _storable(error),
        }
        with self._engine.begin() as connection:
            connection.execute(QUARANTINE, row)
        _log.error("settlement_quarantined", bucket=bucket, event_id=event_id, error=error)
        self._streams.remove({bucket: [event_id]})
        self.quarantined += 1


def _storable(value: str) -> str:
    """PostgreSQL keeps no NUL."""
    return value.replace("\0", "")


def _totals(events: Sequence[Event]) -> dict[tuple[UUID, int], int]:
    """What was returned of each pool, all in all: the largest total counts."""
    totals: dict[tuple[UUID, int], int] = {}
    for event in events:
        if isinstance(event.content, Returned):
            place = (event.content.wallet_id, event.content.gen)
            totals[place] = max(totals.get(place, 0), event.content.total_n)
    return totals
