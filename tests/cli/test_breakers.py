"""Circuit breakers, from the command line."""

import pytest

INHERITED = {"enabled": None, "minute_usd": None, "hourly_usd": None, "shadow": None}
DEFAULT = {"enabled": True, "minute_usd": 5, "hourly_usd": 20, "shadow": False}


@pytest.fixture(autouse=True)
def acme(make):
    org = make.org(name="Acme")
    make.member(org, make.user(email="bob@example.com"), team=make.team(org, name="Research"))
    return org


def test_what_is_not_set_is_inherited(bazaar):
    data = bazaar("breaker", "show", "--org", "Acme", "--member", "bob@example.com").data

    assert data == {"settings": INHERITED, "resolved": DEFAULT}


def test_each_scope_is_set_and_resolved_upwards(bazaar):
    bazaar("breaker", "set", "--org", "Acme", "--hour", "30", "--shadow")
    bazaar("breaker", "set", "--org", "Acme", "--team", "Research", "--minute", "2.5", "--disabled")

    data = bazaar("breaker", "set", "--org", "Acme", "--member", "bob@example.com", "--no-shadow").data

    assert data["settings"] == INHERITED | {"shadow": False}
    assert data["resolved"] == {"enabled": False, "minute_usd": 2.5, "hourly_usd": 30, "shadow": False}


def test_clearing_leaves_what_is_given_with_it(bazaar):
    bazaar("breaker", "set", "--org", "Acme", "--minute", "1", "--hour", "2", "--disabled", "--shadow")

    partly = bazaar("breaker", "set", "--org", "Acme", "--clear", "--minute", "7").data
    wholly = bazaar("breaker", "set", "--org", "Acme", "--clear").data

    assert partly["settings"] == INHERITED | {"minute_usd": 7}
    assert wholly == {"settings": INHERITED, "resolved": DEFAULT}


def test_a_person_sees_what_is_set_beside_what_holds(bazaar):
    bazaar("breaker", "set", "--org", "Acme", "--minute", "7", "--enabled")

    lines = bazaar.say("breaker", "show", "--org", "Acme").out.splitlines()

    assert [line.split() for line in lines] == [
        ["SETTING", "SET", "HOLDS"],
        ["enabled", "yes", "yes"],
        ["minute", "$7.00", "$7.00"],
        ["hour", "inherited", "$20.00"],
        ["shadow", "inherited", "no"],
    ]


@pytest.mark.parametrize(
    "words", [(), ("--minute", "0"), ("--hour", "-1"), ("--minute", "many"), ("--team", "x")]
)
def test_what_makes_no_sense_changes_nothing(bazaar, words):
    assert bazaar("breaker", "set", "--org", "Acme", *words).code == 1

    assert bazaar("breaker", "show", "--org", "Acme").data["settings"] == INHERITED
