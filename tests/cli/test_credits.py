"""Giving credits from the command line."""

from decimal import Decimal

import pytest


def test_credits_are_given_and_taken_back_exactly(bazaar, make):
    make.user(email="ada@example.com")

    given = bazaar("credits", "grant", "ada@example.com", "0.000000003", "--note", "pilot")
    taken = bazaar("credits", "grant", "ada@example.com", "-0.000000001", "--note", "too much")

    assert (given.data["old_balance_usd"], given.data["balance_usd"]) == (0, Decimal("3E-9"))
    assert (taken.data["old_balance_usd"], taken.data["balance_usd"]) == (Decimal("3E-9"), Decimal("2E-9"))


def test_the_same_grant_twice_is_two_grants(bazaar, make):
    make.user(email="ada@example.com")
    words = ("credits", "grant", "ada@example.com", "5", "--note", "pilot")

    first, second = bazaar(*words), bazaar(*words)

    assert second.data["balance_usd"] == 10
    assert first.data["ref"] != second.data["ref"]


def test_a_person_sees_the_old_and_the_new_balance(bazaar, make):
    make.user(email="ada@example.com", credits_usd="1")

    done = bazaar.say("credits", "grant", "ada@example.com", "24.5", "--note", "pilot")

    assert done.out == "Old balance  $1.00\nGranted      $24.50\nNew balance  $25.50\n"


@pytest.mark.parametrize("amount", ["0", "many", "nan", "1e400", "0.0000000001", "9000001", "-1"])
def test_an_unusable_amount_changes_nothing(bazaar, make, amount):
    make.user(email="ada@example.com")

    done = bazaar("credits", "grant", "ada@example.com", amount, "--note", "x")

    assert done.code == 1
    assert bazaar("ledger", "show", "ada@example.com").data["entries"] == []


def test_an_organization_is_given_credits(bazaar, make):
    org = make.org(name="Acme")

    given = bazaar("credits", "grant", "Acme", "500", "--note", "prepaid")

    assert (given.data["org_id"], given.data["balance_usd"]) == (str(org.id), 500)
    ledger = bazaar("ledger", "show", org.id).data
    assert (ledger["org"], [entry["note"] for entry in ledger["entries"]]) == ("Acme", ["prepaid"])
