"""Members, from the command line."""

import pytest


@pytest.fixture(autouse=True)
def acme(make):
    org = make.org(make.user(email="ada@example.com"), name="Acme")
    make.team(org, name="Research")
    make.user(email="bob@example.com")
    return org


def listed(bazaar, *words):
    members = bazaar("member", "list", "--org", "Acme", *words).data["members"]
    return {member["email"]: member for member in members}


def test_a_member_is_added_with_all_they_may_have(bazaar):
    words = ("--org", "Acme", "--team", "Research", "--role", "team_admin", "--budget", "50")

    done = bazaar("member", "add", "bob@example.com", *words)

    assert (done.data["role"], done.data["monthly_budget_usd"]) == ("team_admin", 50)
    assert list(listed(bazaar)) == ["ada@example.com", "bob@example.com"]
    assert list(listed(bazaar, "--team", "Research")) == ["bob@example.com"]
    text = bazaar.say("member", "list", "--org", "Acme").out
    assert "bob@example.com  team_admin  Research  $50.00" in text
    assert "ada@example.com  org_admin   none        none" in text


def test_only_what_is_named_changes(bazaar):
    bazaar("member", "add", "bob@example.com", "--org", "Acme", "--team", "Research", "--budget", "50")

    bazaar("member", "set", "bob@example.com", "--org", "Acme", "--role", "billing_viewer")
    kept = listed(bazaar)["bob@example.com"]
    bazaar("member", "set", "bob@example.com", "--org", "Acme", "--no-team", "--no-budget")
    cleared = listed(bazaar)["bob@example.com"]

    assert (kept["role"], kept["monthly_budget_usd"], kept["team_id"] is None) == (
        "billing_viewer",
        50,
        False,
    )
    assert (cleared["monthly_budget_usd"], cleared["team_id"]) == (None, None)


def test_a_removed_member_is_not_listed_and_the_keys_they_still_know_are_named(bazaar, make, db, acme):
    bazaar("member", "add", "bob@example.com", "--org", "Acme")
    bazaar("key", "create", "bob@example.com", "--org", "Acme", "--member", "--name", "laptop")
    shared = bazaar("key", "create", "bob@example.com", "--org", "Acme", "--name", "website").data

    done = bazaar("member", "remove", "bob@example.com", "--org", "Acme")

    assert done.data["shared_keys"] == [shared["id"]]
    assert list(listed(bazaar)) == ["ada@example.com"]


def test_a_person_is_told_which_keys_to_replace(bazaar):
    bazaar("member", "add", "bob@example.com", "--org", "Acme")
    bazaar("key", "create", "bob@example.com", "--org", "Acme", "--team", "Research", "--name", "notebooks")

    done = bazaar.say("member", "remove", "bob@example.com", "--org", "Acme")

    assert done.out == (
        "bob@example.com is no member of Acme any more.\n"
        "They know the secrets of keys that still work: notebooks. Replace those.\n"
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "nobody@example.com", "--org", "Acme"), 404),
        (("add", "ada@example.com", "--org", "Acme"), 409),
        (("add", "bob@example.com", "--org", "Acme", "--role", "team_admin"), 400),
        (("add", "bob@example.com", "--org", "Acme", "--team", "Sales"), 404),
        (("add", "bob@example.com", "--org", "Acme", "--role", "owner"), 400),
        (("set", "ada@example.com", "--org", "Acme"), 400),
        (("set", "ada@example.com", "--org", "Acme", "--role", "member"), 400),
        (("set", "ada@example.com", "--org", "Acme", "--team", "Research", "--no-team"), 400),
        (("set", "bob@example.com", "--org", "Acme", "--budget", "5"), 404),
        (("remove", "ada@example.com", "--org", "Acme"), 400),
        (("remove", "bob@example.com", "--org", "Acme"), 404),
    ],
)
def test_what_makes_no_sense_changes_nothing(bazaar, words, code):
    before = listed(bazaar)

    done = bazaar("member", *words)

    assert (done.code, done.data["error"]["code"]) == (1, code)
    assert listed(bazaar) == before
