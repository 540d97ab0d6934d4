"""Draining settlement streams: events are booked in PostgreSQL, then removed from Redis, in that order.

A ledger that dies in between reads them again; booking twice changes nothing. An event no row can be made of
goes to the quarantine, and the others go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from core.actions.partitions import ensure_partitions
from core.charging import pools
from core.charging.booking import book
from core.charging.calls import Entry
from core.counters.events import MAX_N, Poisoned, Returned, read
from core.counters.keys import BUCKETS, bucket_keys
from core.ids import day_of

BATCH = 1000
AWAY = (OperationalError, InterfaceError)  # PostgreSQL is gone, or too busy to answer
QUARANTINE = text(
    "INSERT INTO quarantined_events (bucket, event_id, fields, amount_n, error) "
    "VALUES (:bucket, :event_id, CAST(:fields AS jsonb), :amount_n, :error) ON CONFLICT DO NOTHING"
)
_log = structlog.get_logger()


class Streams(Protocol):
    """Where events are read and removed."""

    def read(self, *, count: int) -> Mapping[int, Sequence[tuple[str, dict[str, str]]]]:
        """The oldest events of each bucket that has any."""

    def remove(self, bucket: int, event_ids: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Event:
    """One event, where it stands, and what is to be booked of it."""

    bucket: int
    id: str
    fields: Mapping[str, str]
    content: Entry | Returned


class Drain:
    """Books what is in the streams."""

    def __init__(self, engine: Engine, streams: Streams) -> None:
        self._engine = engine
        self._streams = streams
        self._months: set[tuple[int, int]] = set()  # whose partitions there are

    def round(self) -> int:
        """Book one batch of each stream. Returns how many events there were. Raises AWAY, RedisError."""
        events, count = [], 0
        for bucket, found in self._streams.read(count=BATCH).items():
            count += len(found)
            for event_id, fields in found:
                event = self._read(bucket, event_id, fields)
                if event is not None:
                    events.append(event)
        for first in range(0, len(events), BATCH):
            self._book(events[first : first + BATCH])
        return count

    def _read(self, bucket: int, event_id: str, fields: dict[str, str]) -> Event | None:
        try:
            return Event(bucket, event_id, fields, read(event_id, fields))
        except Poisoned as error:
            self._quarantine(bucket, event_id, fields, str(error))
            return None

    def _book(self, events: Sequence[Event]) -> None:
        """Book a batch; when that fails, event by event, so that one that cannot be booked stands alone."""
        try:
            unbooked = self._commit(events)
        except AWAY:
            raise
        except DBAPIError as error:
            if len(events) == 1:
                name = type(error.orig).__name__
                self._quarantine(
                    events[0].bucket, events[0].id, events[0].fields, f"cannot be booked: {name}"
                )
                return
            for event in events:
                self._book([event])
            return
        for event in unbooked:
            self._quarantine(event.bucket, event.id, event.fields, "there is no such wallet")
        self._remove([event for event in events if event not in unbooked])

    def _commit(self, events: Sequence[Event]) -> list[Event]:
        """Book in one transaction. Returns the events of wallets nobody has."""
        entries = [event.content for event in events if isinstance(event.content, Entry)]
        self._ensure_partitions(entries)
        with self._engine.begin() as connection:
            booked = book(connection, entries)
            _take_back(connection, events)
        return [
            event
            for event in events
            if isinstance(event.content, Entry) and event.content.request_id not in booked
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
        buckets: dict[int, list[str]] = {}
        for event in events:
            buckets.setdefault(event.bucket, []).append(event.id)
        for bucket, ids in buckets.items():
            self._streams.remove(bucket, ids)

    def _quarantine(self, bucket: int, event_id: str, fields: Mapping[str, str], error: str) -> None:
        """Set an event aside, with its amount, and say so. It is removed once that is committed."""
        amount = fields.get("a", "")
        known = amount.isascii() and amount.isdigit() and len(amount) < len(str(MAX_N)) + 1
        row = {
            "bucket": bucket,
            "event_id": event_id,
            "fields": msgspec.json.encode(dict(fields)).decode().replace("\\u0000", ""),
            "amount_n": int(amount) if known else 0,
            "error": error,
        }
        with self._engine.begin() as connection:
            connection.execute(QUARANTINE, row)
        _log.error("settlement_quarantined", bucket=bucket, event_id=event_id, error=error)
        self._streams.remove(bucket, [event_id])


def _take_back(connection: Connection, events: Sequence[Event]) -> None:
    """Of what was returned the largest total counts; wallets in the order of their ids, as everywhere."""
    totals: dict[tuple[UUID, int], int] = {}
    for event in events:
        if isinstance(event.content, Returned):
            place = (event.content.wallet_id, event.content.gen)
            totals[place] = max(totals.get(place, 0), event.content.total_n)
    for (wallet_id, gen), total_n in sorted(totals.items()):
        pools.take_back(connection, wallet_id=wallet_id, gen=gen, total_n=total_n)


class RedisStreams:
    """The streams of all buckets."""

    def __init__(self, redis: Any, *, is_cluster: bool) -> None:
        self._redis = redis
        names = [bucket_keys(bucket).stream for bucket in range(BUCKETS)]
        self._buckets = {name: bucket for bucket, name in enumerate(names)}
        # One command reads them all, but in a cluster each has a slot of its own.
        self._groups = [[name] for name in names] if is_cluster else [names]

    def read(self, *, count: int) -> dict[int, list[tuple[str, dict[str, str]]]]:
        found: dict[int, list[tuple[str, dict[str, str]]]] = {}
        for names in self._groups:
            answer = self._redis.xread(dict.fromkeys(names, "0"), count=count)
            pairs = answer.items() if isinstance(answer, dict) else answer or ()
            for name, events in pairs:
                found[self._buckets[name]] = [
                    (_text(event_id), _fields(fields)) for event_id, fields in _flat(events)
                ]
        return found

    def remove(self, bucket: int, event_ids: Sequence[str]) -> None:
        self._redis.xdel(bucket_keys(bucket).stream, *event_ids)


def _flat(events: Any) -> Any:
    """redis-py wraps a stream's events once more under RESP 3."""
    return events[0] if events and isinstance(events[0], list) else events


def _fields(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in fields.items()}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
