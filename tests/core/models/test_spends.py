"""Sums are kept by subject, hour and generation, of scopes there are."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from core.models import Spend

HOUR = datetime(2026, 3, 4, 5, tzinfo=UTC)


def spend(**fields):
    known = {"subject_id": UUID(int=1), "scope": "m", "hour": HOUR, "gen": 3}
    return Spend(**known | {"charge_n": 0, "tokens": 0, "points": 0, "requests": 0} | fields)


@pytest.mark.parametrize("scope", ["o", "", "key"])
def test_a_scope_nobody_knows_is_refused(db, scope):
    db.add(spend(scope=scope))

    with pytest.raises(IntegrityError):
        db.flush()

    db.rollback()


@pytest.mark.parametrize(
    "other", [{"subject_id": UUID(int=2)}, {"scope": "t"}, {"hour": HOUR.replace(hour=6)}, {"gen": 4}]
)
def test_each_place_has_a_sum_of_its_own(db, other):
    db.add_all([spend(), spend(**other)])

    db.commit()
    db.execute(delete(Spend))
    db.commit()


def test_a_place_has_one_sum(db):
    db.add(spend())
    db.flush()
    db.expunge_all()
    db.add(spend(charge_n=5))

    with pytest.raises(IntegrityError):
        db.flush()

    db.rollback()


def test_a_sum_may_fall_where_a_guess_was_too_high(db):
    db.add(spend(charge_n=-5))
    db.flush()

    db.rollback()
