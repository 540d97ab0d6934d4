"""Breaker settings: set field by field, by an admin, in force for the next call."""

import pytest

from core.actions.audit import OPERATOR, person
from core.actions.breakers import CLEARED, set_breaker, settings_of
from core.errors import BadRequest, Forbidden
from core.rules.breakers import INHERIT, BreakerSettings

USD = 10**9


def test_only_what_is_named_changes(db, make, traces):
    org = make.org()
    team = make.team(org)
    set_breaker(db, team, cb_minute_n=5 * USD, cb_enabled=False, by=OPERATOR)
    left = traces(org.wallet_id)

    set_breaker(db, team, cb_enabled=True, cb_shadow=True, by=OPERATOR)

    assert team.breaker == BreakerSettings(enabled=True, minute_n=5 * USD, shadow=True)
    (entry,) = left.entries()
    assert (entry.action, entry.target_kind) == ("breaker.updated", "team")
    assert entry.before == {"cb_enabled": False, "cb_shadow": None}
    assert left.bumps() == 1


def test_what_is_cleared_is_inherited_again(db, make):
    member = make.member()
    set_breaker(db, member, cb_minute_n=1, cb_hourly_n=2, cb_enabled=False, cb_shadow=True, by=OPERATOR)

    set_breaker(db, member, cb_hourly_n=None, by=OPERATOR)
    partly = member.breaker
    set_breaker(db, member, **CLEARED, by=OPERATOR)

    assert partly == BreakerSettings(enabled=False, minute_n=1, shadow=True)
    assert member.breaker == INHERIT


@pytest.mark.parametrize("threshold_n", [0, -1, 9_000_000 * USD + 1])
@pytest.mark.parametrize(("field", "param"), [("cb_minute_n", "cbMinuteUsd"), ("cb_hourly_n", "cbHourlyUsd")])
def test_a_threshold_that_makes_no_sense_is_named(db, make, field, param, threshold_n):
    org = make.org()

    with pytest.raises(BadRequest) as refusal:
        set_breaker(db, org, **{field: threshold_n}, by=OPERATOR)

    assert refusal.value.param == param
    assert org.breaker == INHERIT


def test_a_team_admin_does_not_set_breakers(db, make):
    team = make.team()
    by = person(make.member(team=team, role="team_admin").user_id)

    for held in (team, make.member(team=team)):
        with pytest.raises(Forbidden):
            set_breaker(db, held, cb_enabled=False, by=by)


def test_the_settings_that_count_are_those_of_the_scopes_one_is_in(db, make):
    org = make.org()
    team = make.team(org)
    within, alone = make.member(team=team), make.member(org)
    for n, held in enumerate((org, team, within), start=1):
        set_breaker(db, held, cb_minute_n=n, by=OPERATOR)
    said = [BreakerSettings(minute_n=n) for n in (1, 2, 3)]

    assert settings_of(db, within) == (said[2], said[1], said[0])
    assert settings_of(db, alone) == (INHERIT, None, said[0])
    assert settings_of(db, team) == (None, said[1], said[0])
    assert settings_of(db, org) == (None, None, said[0])
