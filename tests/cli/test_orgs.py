"""Organizations, from the command line."""

import pytest


@pytest.fixture
def acme(bazaar, make):
    """An organization made from the command line, as it was answered."""
    make.user(email="ada@example.com")
    return bazaar("org", "add", "Acme", "--admin", "ada@example.com").data


def test_an_organization_is_opened_for_its_admin(bazaar, acme):
    members = bazaar("member", "list", "--org", acme["id"]).data["members"]

    assert (acme["name"], acme["balance_usd"], acme["suspended"]) == ("Acme", 0, False)
    assert [(member["email"], member["role"]) for member in members] == [("ada@example.com", "org_admin")]


def test_the_newest_organizations_are_listed_with_their_balances(bazaar, acme, make):
    make.org(name="Beta", credits_usd="12.5")

    listed = bazaar("org", "list").data["orgs"]
    shown = bazaar.say("org", "list", "--limit", "1").out.splitlines()

    assert [(org["name"], org["balance_usd"]) for org in listed] == [("Beta", 12.5), ("Acme", 0)]
    assert len(shown) == 2
    assert "$12.50" in shown[1]


def test_no_organizations_are_said_so(bazaar):
    assert bazaar.say("org", "list").out == "No organizations.\n"


def test_one_organization_is_shown(bazaar, acme):
    bazaar("team", "add", "Research", "--org", "Acme")

    data = bazaar("org", "show", "Acme").data
    text = bazaar.say("org", "show", acme["id"]).out

    assert (data["id"], data["teams"], data["members"]) == (acme["id"], 1, 1)
    assert "Allowed models  all" in text


def test_an_organization_is_renamed(bazaar, acme):
    bazaar("org", "rename", "Acme", "Ajax")

    assert bazaar("org", "show", "Ajax").data["id"] == acme["id"]


def test_an_organization_is_suspended_and_resumed(bazaar, acme):
    answers = [bazaar("org", word, "Acme").data["suspended"] for word in ("suspend", "resume")]
    bazaar("org", "suspend", "Acme")

    assert answers == [True, False]
    assert "suspended" in bazaar.say("org", "list").out


def test_an_organization_without_an_account_to_run_it_is_not_opened(bazaar):
    done = bazaar("org", "add", "Acme", "--admin", "nobody@example.com")

    assert (done.code, done.data["error"]["code"]) == (1, 404)
    assert bazaar("org", "list").data["orgs"] == []
