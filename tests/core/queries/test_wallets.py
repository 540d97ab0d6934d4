"""Wallets and their ledgers, page by page."""

from core.ids import uuid7
from core.queries.wallets import ledger_of, wallet_by_id


def test_a_wallet_is_found_by_its_id(db, make):
    user = make.user(credits_usd="5")
    db.expire_all()

    assert db.scalar(wallet_by_id(user.wallet_id)).balance_n == 5 * 10**9
    assert db.scalar(wallet_by_id(uuid7())) is None


def test_a_ledger_is_read_in_pages_newest_first_and_shows_no_other_wallet(db, make):
    user = make.user()
    make.user(credits_usd="99")
    for amount in ("1", "2", "3", "4", "5"):
        make.credits(user, amount)

    first = list(db.scalars(ledger_of(user.wallet_id, limit=2)))
    second = list(db.scalars(ledger_of(user.wallet_id, limit=2, before=first[-1].id)))
    third = list(db.scalars(ledger_of(user.wallet_id, limit=2, before=second[-1].id)))

    assert [entry.amount_n // 10**9 for entry in first + second + third] == [5, 4, 3, 2, 1]
