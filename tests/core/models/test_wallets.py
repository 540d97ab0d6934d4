"""The ledger is append-only for everybody, and a wallet cannot say nonsense."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger SET amount_n = 1",
        "UPDATE ledger SET note = 'x' WHERE false",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "TRUNCATE wallets CASCADE",
        "DELETE FROM wallets",
    ],
)
def test_nobody_changes_or_removes_what_was_booked(db, make, change):
    make.user(credits_usd="5")

    with pytest.raises(IntegrityError):
        db.execute(text(change))

    db.rollback()
    assert db.scalar(text("SELECT sum(amount_n) FROM ledger")) == 5 * 10**9


@pytest.mark.parametrize(
    ("column", "value"), [("held_n", -1), ("leased_n", -1), ("credit_limit_n", -1), ("balance_n", None)]
)
def test_a_wallet_keeps_its_bounds(db, make, column, value):
    make.user()

    with pytest.raises(IntegrityError):
        db.execute(text(f"UPDATE wallets SET {column} = :v"), {"v": value})

    db.rollback()


def test_one_cause_is_booked_once(db, make):
    user = make.user(credits_usd="5")
    row = "INSERT INTO ledger (wallet_id, kind, ref, amount_n, note) SELECT :w, kind, ref, 1, '' FROM ledger"

    with pytest.raises(IntegrityError):
        db.execute(text(row), {"w": user.wallet_id})

    db.rollback()
