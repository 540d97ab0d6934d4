"""Accounts: one per address, and no difference to see between a wrong password and no account."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from core.actions.audit import OPERATOR
from core.actions.keys import create_key
from core.actions.users import (
    SESSION_LIFE,
    authenticate,
    close_session,
    open_session,
    purge_sessions,
    resume_user,
    session_digest,
    sign_up,
    suspend_user,
    verify,
)
from core.errors import BadRequest, Conflict
from core.jobs import SEND_VERIFICATION
from core.models import User
from core.queries.grants import grant_by_digest
from core.queries.users import user_of_session

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


def test_signing_up_opens_an_account_with_an_empty_wallet_and_sends_a_mail(db):
    user = sign_up(db, email=" Ada@Example.COM ", password=PASSWORD)

    assert user.email == "ada@example.com"
    assert (user.wallet.balance_n, user.is_operator, user.verified_at) == (0, False, None)
    assert 0 <= user.wallet.bucket < 256
    assert PASSWORD not in user.password_hash
    assert db.info["jobs"] == [(SEND_VERIFICATION, [str(user.id)])]


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@", "@example.com", "ada@localhost", "a b@example.com", "a@b@example.com", "ada@example.com\x00",
     "ada@example.com\nBcc: all@example.com", "ada@example..com", "ada@-", "ada@exämple.com", "a" * 65 + "@example.com",
     "ada@" + "x" * 250 + ".com"],
)  # fmt: skip
def test_what_is_no_address_gets_no_account(db, email):
    with pytest.raises(BadRequest) as refusal:
        sign_up(db, email=email, password=PASSWORD)

    assert refusal.value.param == "email"


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 201])
def test_a_password_has_bounds(db, password):
    with pytest.raises(BadRequest) as refusal:
        sign_up(db, email="ada@example.com", password=password)

    assert refusal.value.param == "password"


def test_an_address_has_one_account_however_it_is_written(db, make):
    make.user(email="ada@example.com")

    with pytest.raises(Conflict):
        sign_up(db, email="ADA@example.com", password=PASSWORD)


def test_two_who_sign_up_at_once_get_one_account_and_one_clear_answer(sessions, db):
    start = Barrier(4)

    def try_it(_):
        with sessions() as session:
            start.wait()
            try:
                sign_up(session, email="ada@example.com", password=PASSWORD)
            except Conflict as refusal:
                return refusal.message
            session.commit()
            return "made"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(try_it, range(4)))

    assert answers == ["This mail address already has an account. Sign in instead."] * 3 + ["made"]
    assert db.scalar(text("SELECT count(*) FROM users")) == 1
    assert db.scalar(text("SELECT count(*) FROM wallets")) == 1


def test_the_right_password_signs_in(db, make):
    user = make.user(email="ada@example.com", password=PASSWORD)

    assert authenticate(db, email=" ADA@example.com", password=PASSWORD) is user


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.com", "wrong password"), ("bob@example.com", PASSWORD), ("ada@example.com\x00", PASSWORD),
     ("\x00", PASSWORD), ("\ud800@example.com", PASSWORD), ("x" * 10_000, PASSWORD), ("", ""),
     ("nobody@example.com", "nobody signs in with this")],
)  # fmt: skip
def test_everything_else_does_not(db, make, email, password):
    make.user(email="ada@example.com", password=PASSWORD)

    assert authenticate(db, email=email, password=password) is None


def test_more_than_the_longest_password_is_another_password(db, make):
    make.user(email="ada@example.com", password="x" * 200)

    assert authenticate(db, email="ada@example.com", password="x" * 201) is None
    assert authenticate(db, email="ada@example.com", password="x" * 200) is not None


def test_a_suspended_account_does_not_sign_in(db, make):
    user = make.user(email="ada@example.com", password=PASSWORD)
    user.suspended_at = NOW
    db.commit()

    assert authenticate(db, email="ada@example.com", password=PASSWORD) is None


def test_a_suspension_is_in_force_wherever_a_key_of_the_account_draws_money(db, make, traces):
    user = make.user()
    org, other = make.org(user), make.org(user)
    keys = [make.key(user), make.key(user, org=org)]
    drawn, untouched = [traces(user.wallet_id), traces(org.wallet_id)], traces(other.wallet_id)

    suspend_user(db, user, now=NOW, by=OPERATOR)
    suspended = [db.execute(grant_by_digest(key.digest)).one().user_suspended_at for key in keys]
    resume_user(db, user, by=OPERATOR)

    assert suspended == [NOW, NOW]
    assert user.suspended_at is None
    assert [left.bumps() for left in drawn] == [2, 2]
    assert untouched.bumps() == 0
    assert [(e.action, e.target_id) for e in untouched.entries()] == [
        ("user.suspended", str(user.id)),
        ("user.resumed", str(user.id)),
    ]


def test_suspending_twice_keeps_the_first_moment(db, make, traces):
    user = make.user()
    suspend_user(db, user, now=NOW, by=OPERATOR)
    left = traces(user.wallet_id)

    suspend_user(db, user, now=NOW + timedelta(days=1), by=OPERATOR)

    assert user.suspended_at == NOW
    assert (left.entries(), left.bumps()) == ([], 0)


def test_no_key_is_made_while_its_owner_is_being_suspended(db, make, sessions):
    user = make.user()
    suspend_user(db, user, now=NOW, by=OPERATOR)

    with sessions() as session:
        session.execute(text("SET lock_timeout = '50ms'"))
        with pytest.raises(OperationalError):
            create_key(session, session.get(User, user.id), name="k", pepper=b"p", now=NOW)


def test_an_unknown_address_takes_as_long(costly_passwords, db, make):
    make.user(email="ada@example.com", password=PASSWORD)
    authenticate(db, email="bob@example.com", password="the first one makes the hash")

    def takes(email):
        started = time.process_time()
        authenticate(db, email=email, password="wrong password")
        return time.process_time() - started

    taken = [(takes("bob@example.com"), takes("ada@example.com")) for _ in range(5)]  # in turn

    unknown, known = map(statistics.median, zip(*taken, strict=True))
    assert 0.5 < unknown / known < 2


def test_an_address_is_proved_once(db, make):
    user = make.user()
    verify(user, now=NOW)

    verify(user, now=NOW + timedelta(days=1))

    assert user.verified_at == NOW


def test_a_browser_stays_signed_in_until_it_signs_out_or_time_is_up(db, make):
    user = make.user()
    token, other = (open_session(db, user, ip="::1" * 50, user_agent="x" * 999, now=NOW) for _ in range(2))
    db.commit()

    def signed_in(token, now):
        return db.scalar(user_of_session(session_digest(token), now=now))

    last = NOW + SESSION_LIFE - timedelta(seconds=1)
    assert signed_in(token, last) is user
    assert signed_in(token, NOW + SESSION_LIFE) is None
    close_session(db, token)
    assert signed_in(token, NOW) is None
    assert signed_in(other, NOW) is user
    assert db.scalar(text("SELECT count(*) FROM user_sessions WHERE digest = :t"), {"t": other.encode()}) == 0


def test_sign_ins_that_ran_out_are_forgotten(db, make):
    user = make.user()
    open_session(db, user, ip="", user_agent="", now=NOW - SESSION_LIFE)
    open_session(db, user, ip="", user_agent="", now=NOW)

    purge_sessions(db, now=NOW)

    assert db.scalar(text("SELECT count(*) FROM user_sessions")) == 1
