"""Mail jobs, each run twice as queues may do."""

from datetime import UTC, datetime

import pytest

from core.actions.users import verify
from core.config import Misconfigured
from tests.worker.mailbox import Mailbox
from worker.jobs.mail import send_verification


@pytest.fixture(autouse=True)
def _environment(env, monkeypatch):
    for name, value in env.items():
        monkeypatch.setenv(name, value)


def test_a_job_that_runs_twice_sends_two_mails_that_both_work(make, monkeypatch):
    user = make.user(email="ada@example.com")

    with Mailbox() as mailbox:
        monkeypatch.setenv("SMTP_URL", mailbox.url)
        send_verification(str(user.id))
        send_verification(str(user.id))

    assert [recipients for _, recipients, _ in mailbox.mails] == [["ada@example.com"]] * 2


def test_who_is_verified_gets_none(make, db, monkeypatch):
    user = make.user()
    verify(user, now=datetime.now(UTC))
    db.commit()

    with Mailbox() as mailbox:
        monkeypatch.setenv("SMTP_URL", mailbox.url)
        send_verification(str(user.id))

    assert mailbox.mails == []


def test_without_a_mail_server_the_job_fails_and_says_why(make, monkeypatch):
    user = make.user()
    monkeypatch.delenv("SMTP_URL", raising=False)

    with pytest.raises(Misconfigured, match="SMTP_URL is not set"):
        send_verification(str(user.id))
