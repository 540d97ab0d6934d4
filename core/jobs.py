"""Jobs: what is done later, by a worker. Arguments are ids, as JSON; never content or secrets.

A job is noted while a transaction runs and leaves once it has committed, so that no worker looks for rows
that are not there yet, or never will be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session, sessionmaker

from core.commits import after_commit, note

QUEUES = ("mail", "default")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Job:
    """A line of the table of jobs: where its function lives, which queue carries it, how long it may take."""

    path: str
    queue: str
    timeout_s: int


SEND_VERIFICATION = Job("worker.jobs.mail.send_verification", "mail", 60)
ENSURE_PARTITIONS = Job("worker.jobs.housekeeping.ensure_partitions", "default", 60)
PURGE_SESSIONS = Job("worker.jobs.housekeeping.purge_sessions", "default", 300)


def connect(url: str) -> Redis:
    """The Redis that carries jobs, for those who hand them in: one that is away is noticed in seconds."""
    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, retry=Retry(NoBackoff(), 1))


def queue(redis: Redis, name: str) -> Queue:
    return Queue(name, connection=redis, serializer=JSONSerializer)


def enqueue_after_commit(session: Session, job: Job, *ids: UUID) -> None:
    """Note a job; it leaves when the session commits and is forgotten when it rolls back."""
    note(session, "jobs", (job, [str(value) for value in ids]))


def deliver_after_commit(factory: sessionmaker[Session], redis: Redis) -> None:
    """Make the sessions of this factory hand their noted jobs to Redis."""

    def send(_session: Session, noted: Sequence[tuple[Job, list[str]]]) -> None:
        for job, ids in noted:
            try:
                queue(redis, job.queue).enqueue(
                    job.path, args=ids, job_timeout=job.timeout_s, result_ttl=3600, failure_ttl=7 * 86_400
                )
            except RedisError as error:  # the change itself is committed and stands
                _log.error("job_not_queued", job=job.path, error=type(error).__name__)

    after_commit(factory, "jobs", send)
