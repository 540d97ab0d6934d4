"""Proving the books from the command line."""

from sqlalchemy import update

from core.charging.proof import CHECKS
from core.models import Wallet


def move_balance(engine, user, by_n):
    with engine.begin() as connection:
        connection.execute(
            update(Wallet).where(Wallet.id == user.wallet_id).values(balance_n=Wallet.balance_n + by_n)
        )


def test_right_books_are_said_to_be_right_sum_by_sum(bazaar, make):
    make.user(credits_usd="5")

    done = bazaar("check")
    shown = bazaar.say("check")

    assert (done.code, shown.code) == (0, 0)
    assert done.data["checks"] == [{"check": name, "proved": True} for name in CHECKS]
    assert shown.out.splitlines() == [f"proved  {name}" for name in CHECKS]


def test_a_balance_that_is_not_its_ledger_is_found_to_the_nano_dollar(bazaar, engine, make):
    user = make.user(credits_usd="5")
    move_balance(engine, user, 1)

    done = bazaar("check")
    shown = bazaar.say("check")

    move_balance(engine, user, -1)
    assert (done.code, shown.code) == (1, 1)
    assert done.data["differences"] == [
        {
            "check": "the balance is the sum of the ledger",
            "subject": str(user.wallet_id),
            "expected": 5_000_000_000,
            "found": 5_000_000_001,
        }
    ]
    assert "WRONG   the balance is the sum of the ledger" in shown.out
    assert "5000000001  $0.000000001" in shown.out
