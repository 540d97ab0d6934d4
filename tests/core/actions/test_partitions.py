"""Every day a call may end on has its partition, made ahead of time."""

from datetime import date

import pytest
from sqlalchemy import text

from core.actions.partitions import ensure_coming_partitions, ensure_partitions


def partitions(db):
    return set(
        db.scalars(
            text(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'usage_events'::regclass"
            )
        )
    )


@pytest.mark.parametrize(
    ("today", "months"),
    [
        (date(2030, 1, 1), {"202912", "203001", "203002", "203003", "203004"}),
        (date(2030, 3, 31), {"203002", "203003", "203004", "203005", "203006", "203007"}),
        (date(2032, 3, 1), {"203201", "203202", "203203", "203204", "203205", "203206"}),
    ],
)
def test_last_month_this_month_and_the_coming_ones_are_made(db, today, months):
    before = partitions(db)

    ensure_coming_partitions(db, today=today)
    made = partitions(db) - before

    assert made >= {f"usage_events_{month}" for month in sorted(months)[:5]}
    ensure_coming_partitions(db, today=today)
    assert partitions(db) - before == made


def test_partitions_meet_without_a_gap_at_the_turn_of_the_year(db):
    ensure_partitions(db, first=date(2031, 12, 31), last=date(2032, 1, 1))

    found = db.execute(
        text(
            "SELECT to_regclass('usage_events_203112'), to_regclass('usage_events_203201'), to_regclass('usage_events_203202')"
        )
    ).one()
    assert tuple(found) == ("usage_events_203112", "usage_events_203201", None)
