"""The settlement streams of all buckets."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.counters.client import Command, Counters
from core.counters.keys import BUCKETS, bucket_keys

FIRST = 100  # of each stream; those that have more are read on, so that none fills the memory
Events = dict[int, list[tuple[str, dict[str, str]]]]


class RedisStreams:
    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._buckets = {bucket_keys(bucket).stream: bucket for bucket in range(BUCKETS)}

    def read(self, *, count: int) -> Events:
        """The oldest events of each bucket that has any: about `count`, and a few of each at least."""
        found = self._read(dict.fromkeys(self._buckets, "0"), count=FIRST)
        full = {
            bucket_keys(bucket).stream: events[-1][0]
            for bucket, events in found.items()
            if len(events) == FIRST
        }
        if full:
            for bucket, events in self._read(full, count=max(1, count // len(full))).items():
                found[bucket] += events
        return found

    def _read(self, after: Mapping[bytes, str], *, count: int) -> Events:
        found: Events = {}
        for answer in self._counters.ask_all(self._commands(after, count)):
            pairs = answer.items() if isinstance(answer, dict) else answer or ()
            for name, events in pairs:
                found[self._buckets[name]] = [
                    (_text(event_id), _fields(fields)) for event_id, fields in _flat(events)
                ]
        return found

    def _commands(self, after: Mapping[bytes, str], count: int) -> list[Command]:
        """One command reads them all, but in a cluster each stream has a slot of its own."""
        head = ("XREAD", "COUNT", count, "STREAMS")
        if self._counters.is_cluster:
            return [(name, (*head, name, event_id)) for name, event_id in after.items()]
        return [(next(iter(after)), (*head, *after, *after.values()))]

    def remove(self, event_ids: Mapping[int, Sequence[str]]) -> None:
        """Remove events, by bucket: they are booked."""
        self._counters.ask_all(
            [
                (bucket_keys(bucket).stream, ("XDEL", bucket_keys(bucket).stream, *ids))
                for bucket, ids in event_ids.items()
            ]
        )


def _flat(events: Any) -> Any:
    """redis-py wraps a stream's events once more under RESP 3."""
    return events[0] if events and isinstance(events[0], list) else events


def _fields(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in fields.items()}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
