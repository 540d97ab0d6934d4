"""The worker, as a process of its own."""

import os
import zlib
from email import message_from_bytes, policy

from rq.registry import FailedJobRegistry

from core.actions.users import sign_up
from core.db import session_factory, transaction
from core.jobs import QUEUES, Job, deliver_after_commit, enqueue_after_commit, queue
from core.links import read_verification
from tests.worker.mailbox import Mailbox


def sign_up_somebody(engine, redis):
    factory = session_factory(engine)
    deliver_after_commit(factory, redis)
    with transaction(factory) as session:
        return sign_up(session, email="ada@example.com", password="correct horse battery").id


def test_who_signs_up_gets_a_mail_with_a_link_that_proves_it(engine, jobs_redis, start, settings):
    with Mailbox() as mailbox:
        user_id = sign_up_somebody(engine, jobs_redis)
        worker = start("worker", "--burst", SMTP_URL=mailbox.url)
        assert worker.ended() == 0

    [(_, recipients, content)] = mailbox.mails
    text = message_from_bytes(content, policy=policy.default).get_body(("plain",)).get_content()
    link = next(line for line in text.splitlines() if line.startswith("https://gateway.example.com/verify/"))
    assert recipients == ["ada@example.com"]
    assert read_verification(link.rsplit("/", 1)[1], secret=settings.secret_key) == (
        user_id,
        "ada@example.com",
    )


def test_a_job_that_fails_is_kept_with_its_reason_and_the_worker_goes_on(engine, jobs_redis, start):
    sign_up_somebody(engine, jobs_redis)

    worker = start("worker", "--burst")

    assert worker.ended() == 0
    mail = queue(jobs_redis, "mail")
    [job_id] = FailedJobRegistry(queue=mail).get_job_ids()
    assert "SMTP_URL is not set" in mail.fetch_job(job_id).latest_result().exc_string


def test_jobs_are_json_and_never_pickles(engine, jobs_redis):
    sign_up_somebody(engine, jobs_redis)

    [job] = queue(jobs_redis, "mail").get_jobs()
    data = jobs_redis.hget(job.key, "data")

    assert b"worker.jobs.mail.send_verification" in zlib.decompress(data)


def test_sigterm_lets_the_job_in_hand_end(engine, jobs_redis, start, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    job = queue(jobs_redis, "default").enqueue("subprocess.call", args=[["cat", str(fifo)]])
    worker = start("worker")
    with fifo.open("w") as stream:  # opens once the job reads
        worker.process.terminate()
        stream.write("done")
    worker.ended()

    job.refresh()
    assert job.get_status() == "finished"


def test_all_queues_are_served(engine, jobs_redis, start):
    jobs = [queue(jobs_redis, name).enqueue("math.sqrt", args=[4]) for name in QUEUES]

    worker = start("worker", "--burst")

    assert worker.ended() == 0
    assert [job.latest_result().return_value for job in jobs] == [2.0] * len(QUEUES)


def test_a_job_of_a_transaction_that_failed_is_never_seen(sessions, jobs_redis):
    deliver_after_commit(sessions, jobs_redis)
    session = sessions()
    enqueue_after_commit(session, Job("math.sqrt", "default", 5))

    session.rollback()

    assert queue(jobs_redis, "default").count == 0
    session.close()


def test_a_missing_setting_or_redis_is_one_sentence(start):
    unset = start("worker", "--burst", REDIS_URL="")
    away = start("worker", "--burst", REDIS_URL="redis://127.0.0.1:1/0")

    assert (unset.ended(), away.ended()) == (1, 1)
    assert unset.lines == ["Error: REDIS_URL is not set; docs/settings.md says what it holds\n"]
    assert [line[:39] for line in away.lines] == ["Error: Redis cannot be used (REDIS_URL)"]
