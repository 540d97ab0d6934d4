"""`python -m worker.clock`: puts the periodic jobs of worker/schedule.py on their queues.

A clock writes a job's present span (this day, this hour) down in Redis and hands the job in, both in one
transaction: however many clocks run, and however often they start, a span is served once. rq's own cron
cannot be used: it queues its jobs as pickles, and two of them queue everything twice.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence

import structlog
from redis import Redis
from redis.exceptions import RedisError, WatchError

from core.config import Misconfigured, Settings
from core.jobs import connect, queue
from core.logs import configure_logs
from worker.schedule import SCHEDULE, Periodic
from worker.signals import stop_on_sigterm

PACE_S = 5.0
_log = structlog.get_logger()


def tick(redis: Redis, schedule: Sequence[Periodic], *, now_s: float) -> list[str]:
    """Hand in every job whose present span nobody has served. Returns their paths."""
    return [periodic.job.path for periodic in schedule if _serve(redis, periodic, slot=periodic.slot(now_s))]


def _serve(redis: Redis, periodic: Periodic, *, slot: int) -> bool:
    job, key = periodic.job, f"bl:clock:{periodic.job.path}"
    with redis.pipeline() as pipeline:
        try:
            pipeline.watch(key)  # type: ignore[no-untyped-call]  # untyped in redis-py
            served = pipeline.get(key)
            if served is not None and int(served) >= slot:
                return False
            pipeline.multi()
            pipeline.set(key, slot, ex=2 * periodic.every_s)
            queue(redis, job.queue).enqueue(
                job.path,
                job_timeout=job.timeout_s,
                result_ttl=3600,
                failure_ttl=7 * 86_400,
                pipeline=pipeline,
            )
            pipeline.execute()
        except WatchError:  # another clock was faster
            return False
    return True


def run(redis: Redis, schedule: Sequence[Periodic], pause: Callable[[float], None]) -> None:
    """Tick for ever. Redis going away is said once, and so is its return."""
    away = False
    while True:
        try:
            for path in tick(redis, schedule, now_s=time.time()):
                _log.info("job_due", job=path)
        except RedisError as error:
            if not away:
                _log.error("redis_away", error=type(error).__name__)
            away = True
        else:
            if away:
                _log.warning("redis_back")
            away = False
        pause(PACE_S)


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
    except Misconfigured as error:
        print(f"Error: {error.message}", file=sys.stderr)  # noqa: T201  # before there are logs
        return 1
    configure_logs(settings.log_level, "clock")
    try:
        stop_on_sigterm()
        with connect(settings.redis_url) as redis:
            run(redis, SCHEDULE, time.sleep)  # noqa: TID251  # the pace of the loop; a signal interrupts it
    except KeyboardInterrupt:
        _log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
