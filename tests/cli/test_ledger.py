"""The ledger, from the command line."""

from decimal import Decimal


def test_each_row_shows_the_balance_it_led_to(bazaar, make):
    user = make.user(email="ada@example.com", credits_usd="10")
    make.credits(user, "-2.5")
    make.credits(user, "0.000000001")

    done = bazaar("ledger", "show", "ada@example.com", "--limit", "2")

    assert done.data["balance_usd"] == Decimal("7.500000001")
    assert [(row["amount_usd"], row["balance_usd"]) for row in done.data["entries"]] == [
        (Decimal("1E-9"), Decimal("7.500000001")),
        (Decimal("-2.5"), Decimal("7.5")),
    ]


def test_amounts_line_up_to_the_nano_dollar(bazaar, make):
    user = make.user(email="ada@example.com", credits_usd="10")
    make.credits(user, "-0.000000001")

    lines = bazaar.say("ledger", "show", "ada@example.com").out.splitlines()

    assert lines[0].split() == ["AT", "(UTC)", "KIND", "AMOUNT", "BALANCE", "NOTE"]
    assert "-$0.000000001   $9.999999999  for the test" in lines[1]
    assert "$10.000000000  $10.000000000  for the test" in lines[2]


def test_a_wallet_that_was_never_used_says_so(bazaar, make):
    make.user(email="ada@example.com")

    assert bazaar.say("ledger", "show", "ada@example.com").out == "No entries: the wallet was never used.\n"
