"""Monthly partitions of the usage table, made ahead of time."""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

MONTHS_AHEAD = 3
PARTITION_LOCK = 0x626C7074  # any constant: "if not exists" does not keep two from making the same at once


def ensure_partitions(session: Session, *, first: date, last: date) -> None:
    """Make the partitions for the months from `first` to `last`, where they are not there yet."""
    session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": PARTITION_LOCK})
    month = first.replace(day=1)
    while month <= last:
        following = (month + timedelta(days=32)).replace(day=1)
        session.execute(
            text(
                f"CREATE TABLE IF NOT EXISTS usage_events_{month:%Y%m} PARTITION OF usage_events "
                f"FOR VALUES FROM ('{month}') TO ('{following}')"
            )
        )
        month = following


def ensure_coming_partitions(session: Session, *, today: date) -> None:
    """Last month's (a call may end after midnight), this month's and the next ones."""
    ensure_partitions(
        session, first=today - timedelta(days=31), last=today + timedelta(days=31 * MONTHS_AHEAD)
    )
