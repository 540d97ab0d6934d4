"""Teams, from the command line."""

from decimal import Decimal

import pytest


@pytest.fixture(autouse=True)
def acme(make):
    return make.org(name="Acme")


def listed(bazaar):
    return bazaar("team", "list", "--org", "Acme").data["teams"]


def test_a_team_is_added_with_all_it_may_have(bazaar):
    words = ("--org", "Acme", "--budget", "500.5", "--cost-center", "R-100")

    done = bazaar("team", "add", "Research", *words)

    assert (done.data["name"], done.data["cost_center_code"]) == ("Research", "R-100")
    assert done.data["monthly_budget_usd"] == Decimal("500.5")
    assert [team["id"] for team in listed(bazaar)] == [done.data["id"]]
    assert "$500.50" in bazaar.say("team", "list", "--org", "Acme").out


def test_only_what_is_named_changes(bazaar):
    bazaar("team", "add", "Research", "--org", "Acme", "--budget", "5", "--cost-center", "R1")

    bazaar("team", "set", "Research", "--org", "Acme", "--name", "Lab")
    kept = listed(bazaar)[0]
    bazaar("team", "set", "lab", "--org", "Acme", "--no-budget")

    assert (kept["name"], kept["cost_center_code"], kept["monthly_budget_usd"]) == ("Lab", "R1", 5)
    assert listed(bazaar)[0]["monthly_budget_usd"] is None


def test_a_team_without_members_is_deleted(bazaar):
    bazaar("team", "add", "Research", "--org", "Acme")

    done = bazaar("team", "delete", "Research", "--org", "Acme")

    assert done.data["deleted"] is True
    assert listed(bazaar) == []
    assert bazaar.say("team", "list", "--org", "Acme").out == "No teams.\n"


@pytest.mark.parametrize(
    "words",
    [
        ("add", "RESEARCH", "--org", "Acme"),
        ("add", "Sales", "--org", "Acme", "--budget", "-1"),
        ("add", "Sales", "--org", "nobody"),
        ("add", "Sales"),
        ("set", "Research", "--org", "Acme"),
        ("set", "Research", "--org", "Acme", "--budget", "6", "--no-budget"),
        ("set", "Sales", "--org", "Acme", "--budget", "6"),
        ("delete", "Sales", "--org", "Acme"),
    ],
)
def test_what_makes_no_sense_changes_nothing(bazaar, words):
    bazaar("team", "add", "Research", "--org", "Acme", "--budget", "5")
    before = listed(bazaar)

    assert bazaar("team", *words).code == 1

    assert listed(bazaar) == before
