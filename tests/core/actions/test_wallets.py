"""Credits: booked once for each cause, never more than fits, never what calls hold."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy import text

from core.actions.wallets import grant_credits
from core.errors import BadRequest, Conflict, NotFound
from core.models import Wallet

USD = 10**9


def balance(db, user):
    db.expire_all()
    return db.get(Wallet, user.wallet_id).balance_n


def test_credits_raise_the_balance_by_a_ledger_row(db, make):
    user = make.user()

    entry = grant_credits(db, user.wallet_id, 5 * USD, note="welcome", ref="r1")
    db.commit()

    assert balance(db, user) == 5 * USD
    assert (entry.kind, entry.amount_n, entry.note, entry.ref) == ("grant", 5 * USD, "welcome", "r1")


def test_the_same_reference_is_booked_once(db, make):
    user = make.user()
    first = grant_credits(db, user.wallet_id, 5 * USD, note="", ref="r1")
    db.commit()

    again = grant_credits(db, user.wallet_id, 5 * USD, note="", ref="r1")
    db.commit()

    assert again.id == first.id
    assert balance(db, user) == 5 * USD
    with pytest.raises(Conflict):
        grant_credits(db, user.wallet_id, 6 * USD, note="", ref="r1")


def test_the_same_reference_at_once_is_booked_once(db, make, sessions):
    user = make.user()
    start = Barrier(6)

    def grant(_):
        with sessions() as session:
            start.wait()
            entry = grant_credits(session, user.wallet_id, 5 * USD, note="", ref="r1")
            session.commit()
            return entry.id

    with ThreadPoolExecutor(6) as pool:
        entries = set(pool.map(grant, range(6)))

    assert len(entries) == 1
    assert balance(db, user) == 5 * USD


def test_the_same_reference_of_another_wallet_is_another_cause(db, make):
    one, other = make.user(), make.user()
    for user in (one, other):
        grant_credits(db, user.wallet_id, USD, note="", ref="r1")
    db.commit()

    assert (balance(db, one), balance(db, other)) == (USD, USD)


@pytest.mark.parametrize("amount", [0, 9_000_000 * USD + 1, -9_000_000 * USD - 1])
def test_an_amount_beyond_the_limits_is_refused(db, make, amount):
    with pytest.raises(BadRequest):
        grant_credits(db, make.user().wallet_id, amount, note="", ref="r")


def test_a_wallet_holds_a_bounded_amount(db, make):
    user = make.user()
    grant_credits(db, user.wallet_id, 9_000_000 * USD, note="", ref="a")

    with pytest.raises(BadRequest):
        grant_credits(db, user.wallet_id, 1, note="", ref="b")
    db.rollback()


def test_what_calls_hold_cannot_be_taken_back(db, make):
    user = make.user(credits_usd="5")
    db.execute(text("UPDATE wallets SET held_n = 3000000000"))

    with pytest.raises(BadRequest):
        grant_credits(db, user.wallet_id, -2 * USD - 1, note="", ref="a")
    grant_credits(db, user.wallet_id, -2 * USD, note="", ref="a")
    db.execute(text("UPDATE wallets SET held_n = 0"))
    db.commit()

    assert balance(db, user) == 3 * USD


def test_a_long_note_and_an_unknown_wallet_are_refused(db, make):
    with pytest.raises(BadRequest):
        grant_credits(db, make.user().wallet_id, 1, note="x" * 501, ref="r")
    with pytest.raises(NotFound):
        grant_credits(db, uuid4(), 1, note="", ref="r")


def test_a_grant_is_written_down_where_its_wallet_belongs(db, make, traces):
    org, user = make.org(), make.user()
    left = traces(org.wallet_id)
    others = traces(user.wallet_id)

    grant_credits(db, org.wallet_id, 5 * USD, note="welcome", ref="r1")
    grant_credits(db, org.wallet_id, 5 * USD, note="welcome", ref="r1")
    grant_credits(db, user.wallet_id, USD, note="", ref="r1")

    first, second = left.entries()
    assert (first.action, first.org_id, first.wallet_id) == ("credits.granted", org.id, org.wallet_id)
    assert first.before == {"balance_n": 0}
    assert first.after == {"balance_n": 5 * USD, "ref": "r1", "note": "welcome"}
    assert (second.org_id, second.wallet_id) == (None, user.wallet_id)
    assert (left.bumps(), others.bumps()) == (1, 1)
