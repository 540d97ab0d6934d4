"""Accounts are found by address, by id, and by the browser they are signed in with."""

from datetime import UTC, datetime

from core.actions.users import open_session, session_digest
from core.ids import uuid7
from core.queries.users import user_by_email, user_by_id, user_of_session

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_an_account_is_found_by_its_address_and_by_its_id(db, make):
    user = make.user(email="ada@example.com")
    make.user(email="bob@example.com")
    db.expire_all()

    assert db.scalar(user_by_email("ada@example.com")) is user
    assert db.scalar(user_by_email("ada@example.co")) is None
    assert db.scalar(user_by_id(user.id)).wallet.balance_n == 0
    assert db.scalar(user_by_id(uuid7())) is None


def test_a_suspended_account_is_signed_out_everywhere(db, make):
    user = make.user()
    digest = session_digest(open_session(db, user, ip="", user_agent="", now=NOW))
    db.commit()
    assert db.scalar(user_of_session(digest, now=NOW)) is user

    user.suspended_at = NOW
    db.commit()

    assert db.scalar(user_of_session(digest, now=NOW)) is None


def test_a_made_up_token_signs_nobody_in(db, make):
    open_session(db, make.user(), ip="", user_agent="", now=NOW)
    db.commit()

    assert db.scalar(user_of_session(session_digest("made up"), now=NOW)) is None
