"""Keeping the house in order; each job may run twice."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from core.actions.users import open_session
from core.models import UserSession
from worker.jobs.housekeeping import ensure_partitions, purge_sessions


@pytest.fixture(autouse=True)
def _environment(env, monkeypatch):
    for name, value in env.items():
        monkeypatch.setenv(name, value)


def test_missing_partitions_are_made(db):
    month = datetime.now(UTC).replace(day=1) + timedelta(days=62)
    name = f"usage_events_{month:%Y%m}"
    db.execute(text(f"DROP TABLE {name}"))
    db.commit()

    ensure_partitions()
    ensure_partitions()

    assert db.scalar(text(f"SELECT to_regclass('{name}')")) == name


def test_sign_ins_that_have_run_out_are_forgotten(db, make):
    user, now = make.user(), datetime.now(UTC)
    open_session(db, user, ip="127.0.0.1", user_agent="old", now=now - timedelta(days=15))
    open_session(db, user, ip="127.0.0.1", user_agent="new", now=now)
    db.commit()

    purge_sessions()
    purge_sessions()

    assert db.scalar(select(func.count()).select_from(UserSession)) == 1
