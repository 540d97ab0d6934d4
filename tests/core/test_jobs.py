"""Jobs leave when what they are about is committed, as JSON, and not before."""

import json
import zlib
from uuid import uuid4

import pytest
from redis import Redis
from rq.job import Job as QueuedJob
from sqlalchemy import text

from core.db import session_factory
from core.jobs import QUEUES, SEND_VERIFICATION, Job, deliver_after_commit, enqueue_after_commit, queue


@pytest.fixture
def redis(redis_url):
    client = Redis.from_url(redis_url)
    yield client
    client.close()


@pytest.fixture
def post(redis):
    """A job on a queue of this test's own, and what has arrived there."""
    job = Job("worker.jobs.mail.send_verification", f"test-{uuid4()}", 7)

    def arrived():
        return [tuple(found.args) for found in queue(redis, job.queue).jobs]

    yield job, arrived
    queue(redis, job.queue).delete(delete_jobs=True)


@pytest.fixture
def session(engine, redis):
    factory = session_factory(engine)
    deliver_after_commit(factory, redis)
    with factory() as opened:
        opened.execute(text("SELECT 1"))
        yield opened


def test_a_noted_job_leaves_with_the_commit_and_once(session, post):
    job, arrived = post
    about = uuid4()

    enqueue_after_commit(session, job, about)

    assert arrived() == []
    session.commit()
    assert arrived() == [(str(about),)]
    session.execute(text("SELECT 1"))
    session.commit()
    assert len(arrived()) == 1


def test_a_noted_job_is_forgotten_with_the_rollback(session, post):
    job, arrived = post
    enqueue_after_commit(session, job, uuid4())

    session.rollback()

    session.execute(text("SELECT 1"))
    session.commit()
    assert arrived() == []


def test_a_released_savepoint_sends_nothing_yet(session, post):
    job, arrived = post
    with session.begin_nested():
        enqueue_after_commit(session, job, uuid4())

    assert arrived() == []
    session.rollback()
    assert arrived() == []


def test_a_savepoint_that_is_rolled_back_forgets_only_its_own(session, post):
    job, arrived = post
    before, inside, deeper, after = (uuid4() for _ in range(4))
    enqueue_after_commit(session, job, before)
    savepoint = session.begin_nested()
    enqueue_after_commit(session, job, inside)
    with session.begin_nested():
        enqueue_after_commit(session, job, deeper)
    savepoint.rollback()
    enqueue_after_commit(session, job, after)

    session.commit()

    assert arrived() == [(str(before),), (str(after),)]


def test_a_job_is_json_in_redis_and_carries_ids_only(session, post, redis):
    job, _ = post
    about = uuid4()
    enqueue_after_commit(session, job, about)
    session.commit()

    (job_id,) = queue(redis, job.queue).job_ids
    stored = redis.hgetall(QueuedJob.key_for(job_id))

    data = stored[b"data"]
    assert json.loads(zlib.decompress(data) if data[:1] == b"x" else data)[0] == job.path
    assert str(about).encode() in zlib.decompress(data)
    assert stored[b"timeout"] == b"7"


def test_a_commit_stands_when_redis_is_away(engine, post, db):
    job, arrived = post
    factory = session_factory(engine)
    deliver_after_commit(factory, Redis(host="127.0.0.1", port=1, retry=None))
    with factory() as session:
        session.execute(text("UPDATE catalog_version SET version = 41"))
        enqueue_after_commit(session, job, uuid4())
        session.commit()

    assert db.scalar(text("SELECT version FROM catalog_version")) == 41
    assert arrived() == []


def test_every_job_goes_to_a_queue_that_is_worked():
    assert SEND_VERIFICATION.queue in QUEUES
