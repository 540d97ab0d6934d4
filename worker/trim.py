"""Keeping Redis small: once an hour everything is looked through, in small steps."""

from collections.abc import Iterator, Sequence
from itertools import islice

import structlog

from core.counters.client import Counters
from core.counters.trims import PATTERN, trim

EVERY_S = 3600.0
AT_ONCE = 10  # hashes: a server does what one client sent together before it turns to another
_log = structlog.get_logger()


class Trimmer:
    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def round(self) -> float:
        """Trim every hash there is. Returns how long to wait."""
        removed = sum(self._trim(keys) for keys in self._hashes())
        _log.info("trimmed", fields=removed)
        return EVERY_S

    def _hashes(self) -> Iterator[Sequence[bytes]]:
        found = self._counters.redis.scan_iter(match=PATTERN, count=1000)
        while keys := list(islice(found, AT_ONCE)):
            yield keys

    def _trim(self, keys: Sequence[bytes]) -> int:
        """Look all fields of some hashes through. Returns how many were removed."""
        removed, cursors = 0, dict.fromkeys(keys, b"0")
        while cursors:
            requests = {key: trim(key, cursor=cursor) for key, cursor in cursors.items()}
            ours = {key: request for key, request in requests.items() if request is not None}
            answers = self._counters.run_all(list(ours.values()))
            removed += sum(count for _, count in answers)
            cursors = {key: cursor for key, (cursor, _) in zip(ours, answers, strict=True) if cursor != b"0"}
        return removed
