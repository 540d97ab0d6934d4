"""What happens regularly: a line each."""

from dataclasses import dataclass

from core.jobs import ENSURE_PARTITIONS, PURGE_SESSIONS, Job

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job and how often it is done: once in every span of `every_s` seconds, counted from 1970 in UTC."""

    job: Job
    every_s: int

    def slot(self, now_s: float) -> int:
        """The number of the span that `now_s` (Unix time) is in."""
        return int(now_s // self.every_s)


SCHEDULE = (
    Periodic(ENSURE_PARTITIONS, DAY_S),
    Periodic(PURGE_SESSIONS, HOUR_S),
)
