"""What a job works with."""

import pytest
from sqlalchemy import text

from core.queries.users import user_by_email
from worker.context import work


@pytest.fixture(autouse=True)
def _environment(env, monkeypatch):
    for name, value in env.items():
        monkeypatch.setenv(name, value)


def test_what_a_job_changes_is_kept_when_it_ends(db, make):
    make.user(email="ada@example.com")

    with work() as job:
        job.session.scalars(user_by_email("ada@example.com")).one().email = "eva@example.com"

    db.rollback()
    assert db.scalar(user_by_email("eva@example.com")) is not None


def test_what_a_job_that_fails_changed_is_undone(db, make):
    make.user(email="ada@example.com")

    with pytest.raises(ZeroDivisionError), work() as job:
        job.session.scalars(user_by_email("ada@example.com")).one().is_operator = 1 / 0

    db.rollback()
    assert db.scalar(user_by_email("ada@example.com")) is not None


def test_a_job_may_wait_longer_in_its_transaction_than_others(env):
    with work() as job:
        shown = job.session.scalar(text("SELECT current_setting('idle_in_transaction_session_timeout')"))

    assert shown == "1min"
