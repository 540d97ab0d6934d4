"""The proof finds every row that somebody or something changed behind the product's back."""

import pytest
from sqlalchemy import text

from core.charging.proof import CHECKS

BALANCE = "the balance is the sum of the ledger"
HELD = "what is held is the sum of the holds"
LEDGER = "what the ledger took for a call is what it was charged"
DAILY = "the daily sums are the sums of the usage rows"
OVERSPENT = "no wallet is overspent"
SPENDS = "what limits count is the sum of the usage rows"
LEASED = "what is leased is what the pools have left"
GRANTED = "what a pool was granted is the sum of its leases"
POSTED = "what was posted to a pool is the sum of its usage rows"
POOL = "no pool is overspent"
ENDED = "a call that ended holds nothing"


@pytest.fixture
def books(open_desk):
    """A wallet with a settled call, an adjusted one, a failed one and a running one; and another wallet."""
    desk = open_desk(1000)
    open_desk(500)
    desk.settle(desk.admitted(100, app_name="app"), 60)
    late = desk.admitted(100)
    desk.checkpoint(late, 30)
    desk.expire(late)
    desk.sweep(late)
    desk.settle(late, 70)
    desk.settle(desk.admitted(10), 0, status=502)
    desk.admitted(200)
    return desk


def test_right_books_have_no_differences(books):
    assert books.differences() == []


def test_empty_books_have_no_differences(desk):
    assert desk.differences() == []


CHANGES = [
    ("UPDATE wallets SET balance_n = balance_n + 1 WHERE id = :w", {BALANCE}),
    ("UPDATE wallets SET balance_n = -1 WHERE id = :w", {BALANCE, OVERSPENT}),
    ("UPDATE wallets SET held_n = held_n - 1 WHERE id = :w", {HELD}),
    ("UPDATE ledger SET amount_n = amount_n + 1 WHERE kind = 'grant' AND wallet_id = :w", {BALANCE}),
    (
        "UPDATE ledger SET amount_n = amount_n + 1 WHERE kind = 'usage' AND amount_n = -60",
        {BALANCE, LEDGER},
    ),
    ("UPDATE ledger SET amount_n = amount_n - 1 WHERE kind = 'adjustment'", {BALANCE, LEDGER}),
    ("DELETE FROM ledger WHERE kind = 'adjustment'", {BALANCE, LEDGER}),
    ("DELETE FROM ledger WHERE kind = 'grant' AND wallet_id = :w", {BALANCE}),
    ("UPDATE ledger SET kind = 'grant', ref = 'x' WHERE kind = 'adjustment'", {LEDGER}),
    ("UPDATE ledger SET ref = 'somewhere else' WHERE kind = 'adjustment'", {LEDGER}),
    (
        "UPDATE ledger SET wallet_id = (SELECT id FROM wallets WHERE id != :w) WHERE kind = 'adjustment'",
        {BALANCE, LEDGER},
    ),
    (
        "UPDATE ledger SET amount_n = amount_n + CASE amount_n WHEN -60 THEN 1 ELSE -1 END WHERE kind = 'usage'",
        {LEDGER},
    ),
    (
        "INSERT INTO ledger (wallet_id, kind, ref, amount_n, note) VALUES (:w, 'grant', 'gift', 5, '')",
        {BALANCE},
    ),
    ("UPDATE holds SET amount_n = amount_n + 1", {HELD}),
    ("DELETE FROM holds", {HELD}),
    ("UPDATE holds SET request_id = (SELECT request_id FROM usage_events WHERE charge_n = 60)", {ENDED}),
    ("UPDATE usage_events SET charge_n = charge_n + 1 WHERE charge_n = 60", {LEDGER, DAILY, SPENDS}),
    ("UPDATE usage_events SET upstream_n = upstream_n + 1 WHERE charge_n = 60", {DAILY}),
    (
        "UPDATE usage_events SET input_tokens = input_tokens + 1, output_tokens = output_tokens - 1 WHERE charge_n = 60",
        {DAILY},
    ),
    ("UPDATE usage_events SET key_id = gen_random_uuid() WHERE charge_n = 60", {DAILY, SPENDS}),
    ("UPDATE usage_events SET app_name = 'another' WHERE charge_n = 60", {DAILY}),
    ("UPDATE usage_events SET wallet_id = gen_random_uuid() WHERE charge_n = 60", {DAILY, LEDGER}),
    ("UPDATE usage_events SET status = 200 WHERE status = 502", {DAILY, SPENDS}),
    ("DELETE FROM usage_events WHERE charge_n = 60", {LEDGER, DAILY, SPENDS}),
    ("UPDATE usage_daily SET requests = requests + 1 WHERE charge_n = 60", {DAILY}),
    ("UPDATE usage_daily SET charge_n = charge_n - 1 WHERE charge_n = 60", {DAILY}),
    ("UPDATE usage_daily SET cached_tokens = 0 WHERE charge_n = 60", {DAILY}),
    ("UPDATE usage_daily SET reasoning_tokens = 0 WHERE charge_n = 60", {DAILY}),
    ("UPDATE usage_daily SET key_id = gen_random_uuid()", {DAILY}),
    ("DELETE FROM usage_daily WHERE charge_n = 60", {DAILY}),
    ("UPDATE spends SET charge_n = charge_n + 1", {SPENDS}),
    ("UPDATE spends SET hour = hour - interval '1 day'", {SPENDS}),
    ("UPDATE spends SET gen = 1", {SPENDS}),
    ("UPDATE wallets SET leased_n = leased_n + 1 WHERE id = :w", {LEASED}),
    ("INSERT INTO pools VALUES (:w, 1, 0, 5, 0, 0, 'active', now())", {POSTED, POOL}),
    ("INSERT INTO pools VALUES (:w, 1, 5, 0, 0, 1, 'active', now())", {LEASED, GRANTED}),
]


def test_every_kind_of_changed_row_is_found(books):
    found = []
    with books.engine.connect() as connection:
        for change, _ in CHANGES:
            connection.execute(
                text("SET LOCAL session_replication_role = replica")
            )  # no triggers: the worst case
            changed = connection.execute(
                text(change), {"w": books.wallet_id} if ":w" in change else {}
            ).rowcount
            assert changed > 0, change
            checks = {name for name, statement in CHECKS.items() if connection.execute(statement()).all()}
            found.append((change, checks))
            connection.rollback()

    assert found == CHANGES
    assert set().union(*(checks for _, checks in found)) == set(CHECKS)


def test_a_difference_says_where_and_how_much(books):
    books.run("UPDATE wallets SET balance_n = balance_n + 5 WHERE id = :w", w=books.wallet_id)

    (difference,) = books.differences()

    books.run("UPDATE wallets SET balance_n = balance_n - 5 WHERE id = :w", w=books.wallet_id)
    assert (difference.check, difference.subject) == (BALANCE, str(books.wallet_id))
    assert difference.found - difference.expected == 5


def test_a_credit_limit_is_no_overspending(books):
    books.run("UPDATE wallets SET credit_limit_n = 100 WHERE id = :w", w=books.wallet_id)

    call = books.admitted(books.purse()[0] - books.purse()[1] + 100)

    assert books.settle(call, call.want.full_n).charge_n == call.want.full_n
    assert books.purse()[0] == 200 - 100
    assert books.differences() == []
