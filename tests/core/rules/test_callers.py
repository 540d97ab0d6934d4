"""What a credential's calls count against follows from where its key belongs."""

from uuid import UUID

import pytest

from core.rules.breakers import INHERIT, BreakerSettings
from core.rules.callers import Place, fuses_of, subjects_of
from core.rules.scopes import NO_THRESHOLD_N, Fuse, Subject

KEY, ORG, TEAM, MEMBER = (UUID(int=n) for n in range(1, 5))
USD = 10**9
SILENT = {"member": INHERIT, "team": INHERIT, "org": INHERIT}


def subjects(place):
    return subjects_of(place, limit_n=5, period="week", member_budget_n=6, team_budget_n=None)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place(KEY), ["key"]),
        (Place(KEY, ORG), ["key"]),
        (Place(KEY, ORG, team_id=TEAM), ["key", "team"]),
        (Place(KEY, ORG, member_id=MEMBER), ["key", "member"]),
        (Place(KEY, ORG, TEAM, MEMBER), ["key", "member", "team"]),
    ],
)
def test_a_call_counts_for_its_key_its_member_and_its_team_in_this_order(place, expected):
    assert [subject.scope for subject in subjects(place)] == expected


def test_a_key_has_its_own_period_and_budgets_are_monthly():
    assert subjects(Place(KEY, ORG, TEAM, MEMBER)) == (
        Subject("key", KEY, 5, "week"),
        Subject("member", MEMBER, 6, "month"),
        Subject("team", TEAM, None, "month"),
    )


def test_a_personal_key_has_no_breaker_of_its_own():
    assert fuses_of(Place(KEY), SILENT) == ()


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place(KEY, ORG), {"org": ORG}),
        (Place(KEY, ORG, TEAM), {"team": TEAM, "org": ORG}),
        (Place(KEY, ORG, None, MEMBER), {"member": MEMBER, "org": ORG}),
        (Place(KEY, ORG, TEAM, MEMBER), {"member": MEMBER, "team": TEAM, "org": ORG}),
    ],
)
def test_every_scope_there_is_has_a_breaker_that_inherits(place, expected):
    fuses = fuses_of(place, SILENT | {"org": BreakerSettings(minute_n=2 * USD)})

    assert {fuse.scope: fuse.id for fuse in fuses} == expected
    assert {(fuse.minute_n, fuse.hourly_n, fuse.is_shadow) for fuse in fuses} == {(2 * USD, 20 * USD, False)}


def test_each_breaker_has_the_settings_of_its_scope():
    said = {
        "member": BreakerSettings(minute_n=1, shadow=True),
        "team": BreakerSettings(hourly_n=7),
        "org": BreakerSettings(minute_n=3, hourly_n=9),
    }

    fuses = fuses_of(Place(KEY, ORG, TEAM, MEMBER), said)

    assert set(fuses) == {
        Fuse("member", MEMBER, 1, 7, is_shadow=True),
        Fuse("team", TEAM, 3, 7),
        Fuse("org", ORG, 3, 9),
    }


def test_settings_of_a_scope_a_key_does_not_have_do_not_reach_it():
    said = SILENT | {"team": BreakerSettings(minute_n=1), "member": BreakerSettings(minute_n=1)}

    (fuse,) = fuses_of(Place(KEY, ORG), said)

    assert fuse == Fuse("org", ORG, 5 * USD, 20 * USD)


def test_a_breaker_that_is_off_still_counts_but_never_trips():
    said = SILENT | {"team": BreakerSettings(enabled=False)}

    fuses = {fuse.scope: fuse for fuse in fuses_of(Place(KEY, ORG, TEAM, MEMBER), said)}

    for scope in ("team", "member"):
        assert (fuses[scope].minute_n, fuses[scope].hourly_n) == (NO_THRESHOLD_N, NO_THRESHOLD_N)
    assert fuses["org"].minute_n == 5 * USD
