"""Breaker settings, field by field from the narrowest scope outwards."""

from dataclasses import replace

import pytest

from core.rules.breakers import DEFAULT, INHERIT, BreakerSettings, Resolved, resolve, resolve_scopes

USD = 10**9


def test_who_says_nothing_gets_five_dollars_a_minute_and_twenty_an_hour():
    assert resolve(INHERIT, INHERIT, INHERIT) == Resolved(
        enabled=True, minute_n=5 * USD, hourly_n=20 * USD, shadow=False
    )


def test_each_field_comes_from_the_nearest_scope_that_sets_it():
    member = BreakerSettings(minute_n=1 * USD)
    team = BreakerSettings(minute_n=2 * USD, hourly_n=9 * USD, enabled=False)
    org = BreakerSettings(enabled=True, hourly_n=8 * USD, shadow=True)

    assert resolve(member, team, org) == Resolved(
        enabled=False, minute_n=1 * USD, hourly_n=9 * USD, shadow=True
    )


@pytest.mark.parametrize("field", ["enabled", "minute_n", "hourly_n", "shadow"])
@pytest.mark.parametrize("scope", [0, 1, 2])
def test_any_field_of_any_scope_reaches_the_member(field, scope):
    value = {"enabled": False, "minute_n": 7, "hourly_n": 7, "shadow": True}[field]
    scopes = [INHERIT, INHERIT, INHERIT]
    scopes[scope] = BreakerSettings(**{field: value})

    assert resolve(*scopes) == replace(DEFAULT, **{field: value})


def test_false_is_said_not_unsaid():
    shadowed, off = BreakerSettings(shadow=True), BreakerSettings(enabled=False)

    assert not resolve(BreakerSettings(shadow=False), None, shadowed).shadow
    assert resolve(BreakerSettings(enabled=True), None, off).enabled


def test_a_scope_ignores_what_narrower_ones_say():
    member, team, org = (BreakerSettings(minute_n=n) for n in (1, 2, 3))

    scopes = resolve_scopes(member, team, org)

    assert {scope: settings.minute_n for scope, settings in scopes.items()} == {
        "member": 1,
        "team": 2,
        "org": 3,
    }


@pytest.mark.parametrize(
    ("member", "team", "scopes"),
    [
        (INHERIT, INHERIT, ["member", "team", "org"]),
        (INHERIT, None, ["member", "org"]),
        (None, INHERIT, ["team", "org"]),
        (None, None, ["org"]),
    ],
)
def test_a_call_counts_in_the_scopes_it_has(member, team, scopes):
    assert list(resolve_scopes(member, team, INHERIT)) == scopes


def test_an_installation_may_have_other_defaults():
    default = replace(DEFAULT, hourly_n=1)

    assert resolve_scopes(None, None, BreakerSettings(minute_n=2), default) == {
        "org": Resolved(enabled=True, minute_n=2, hourly_n=1, shadow=False)
    }
