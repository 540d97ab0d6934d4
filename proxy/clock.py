"""The time it is in Redis: the one clock that decides which period a call belongs to."""

import time


class Clock:
    """The clock of this machine, set by that of Redis."""

    def __init__(self) -> None:
        self._offset_ms = 0.0

    def set(self, redis_ms: float, at_ms: float | None = None) -> None:
        """It was `redis_ms` there when it was `at_ms` here (Unix milliseconds; now, when not said)."""
        self._offset_ms = redis_ms - (time.time() * 1000 if at_ms is None else at_ms)

    def now_ms(self) -> int:
        return int(time.time() * 1000 + self._offset_ms)
