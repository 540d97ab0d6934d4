"""Proving the books from the command line."""

import pytest
from sqlalchemy import update

from core.charging.proof import CHECKS
from core.counters.proof import ADDS_UP
from core.counters.proof import CHECKS as REDIS_CHECKS
from core.models import Wallet
from tests.worker.conftest import counters, jobs_redis, jobs_url, lease, open_lease

__all__ = ["counters", "jobs_redis", "jobs_url", "lease", "open_lease"]
NOBODY = "redis://127.0.0.1:9/0"


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
    assert done.data["checks"] == [{"check": name, "proved": True} for name in (*CHECKS, *REDIS_CHECKS)]
    assert shown.out.splitlines() == [f"proved  {name}" for name in (*CHECKS, *REDIS_CHECKS)]


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


@pytest.fixture
def leased(bazaar, lease, jobs_url):
    """A wallet with a call that ended and one that runs, in a Redis of its own."""
    lease.charged(1000, 300)
    lease.admitted(1000)
    bazaar.env["COUNTERS_URL"] = jobs_url
    return lease


def test_what_redis_holds_is_proved_too(bazaar, leased):
    right = bazaar("check")
    leased.counters.redis.hincrby(leased.keys.pool, "free", 2)

    wrong, shown = bazaar("check"), bazaar.say("check")

    granted = leased.pool()["granted"]
    assert (right.code, right.data["wallets_in_redis"], right.data["wallets_in_motion"]) == (0, 1, 0)
    assert (wrong.code, wrong.data["ok"]) == (1, False)
    assert wrong.data["differences"] == [
        {"check": ADDS_UP, "subject": str(leased.key.wallet_id), "expected": granted, "found": granted + 2}
    ]
    assert f"WRONG   {ADDS_UP}" in shown.out.splitlines()


def test_where_redis_does_not_answer_the_books_are_proved_all_the_same(bazaar, make):
    make.user(credits_usd="5")

    done, shown = bazaar("check", COUNTERS_URL=NOBODY), bazaar.say("check", COUNTERS_URL=NOBODY)

    assert (done.code, shown.code) == (0, 0)
    unchecked = [
        {"check": name, "proved": None, "not_checked": "Redis does not answer"} for name in REDIS_CHECKS
    ]
    assert done.data["checks"] == [{"check": name, "proved": True} for name in CHECKS] + unchecked
    assert f"-       {ADDS_UP} (not checked: Redis does not answer)" in shown.out.splitlines()


def test_a_redis_that_begins_anew_is_not_taken_for_wrong(bazaar, leased):
    leased.counters.redis.delete(leased.keys.bucket.generation)

    done = bazaar("check")

    assert (done.code, done.data["ok"]) == (0, True)
    assert {line.get("not_checked") for line in done.data["checks"]} == {None, "Redis begins anew"}


def test_wallets_that_never_stood_still_are_counted(bazaar, leased, monkeypatch):
    monkeypatch.setattr("core.counters.views.MOST", 0)

    done, shown = bazaar("check"), bazaar.say("check")

    assert (done.code, done.data["wallets_in_redis"], done.data["wallets_in_motion"]) == (0, 0, 1)
    assert "1 wallets never stood still; they were proved within Redis alone." in shown.out
