"""A threshold is above zero or not set; nothing is set to begin with."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.rules.breakers import INHERIT, BreakerSettings

TABLES = ("orgs", "teams", "members")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("column", ["cb_minute_n", "cb_hourly_n"])
@pytest.mark.parametrize("threshold", [0, -1])
def test_the_database_refuses_a_threshold_that_always_trips(db, make, table, column, threshold):
    make.member(team=make.team())

    with pytest.raises(IntegrityError):
        db.execute(text(f"UPDATE {table} SET {column} = :n"), {"n": threshold})

    db.rollback()


@pytest.mark.parametrize("table", TABLES)
def test_everything_is_inherited_to_begin_with(db, make, table):
    make.member(team=make.team())

    row = db.execute(text(f"SELECT cb_enabled, cb_minute_n, cb_hourly_n, cb_shadow FROM {table}")).first()

    assert row == (None, None, None, None)


def test_the_settings_are_read_as_rules_take_them(make):
    team = make.team()
    inherited = team.breaker

    team.cb_enabled, team.cb_minute_n, team.cb_hourly_n, team.cb_shadow = False, 1, 2, True

    assert inherited == INHERIT
    assert team.breaker == BreakerSettings(enabled=False, minute_n=1, hourly_n=2, shadow=True)
