"""What PostgreSQL says of wallets, to be compared with Redis."""

from datetime import UTC, datetime, timedelta

import pytest

from core.charging.accounts import Asked, accounts_of, open_pools
from core.ids import uuid7
from core.rules.periods import EPOCH
from tests.worker.conftest import counters, jobs_redis, jobs_url, lease, open_lease

__all__ = ["counters", "jobs_redis", "jobs_url", "lease", "open_lease"]


@pytest.fixture
def ask(engine):
    def asked(*desks, seq=9, request_ids=(), subjects=(), since=None):
        seqs = {desk.key.wallet_id: seq for desk in desks}
        since = since or datetime.now(UTC) - timedelta(days=2)
        with engine.connect() as connection:
            return accounts_of(connection, Asked(seqs, request_ids, subjects, since), gen=desks[0].life.gen)

    return asked


def days(accounts):
    return {day - (datetime.now(UTC).date() - EPOCH).days for _, day in accounts.spent}


def test_a_pool_is_told_with_the_leases_redis_has_taken_up(lease, ask):
    first, second = lease.lend(1000), lease.lend(1000)
    lease.charged(1000, 300)
    lease.recall(40)
    lease.book()

    of_one, of_both = (ask(lease, seq=seq).of[lease.key.wallet_id] for seq in (1, 2))

    assert (of_one.leased_n, of_both.leased_n) == (first, first + second)
    assert (of_both.posted_n, of_both.returned_n, of_both.seq) == (300, 40, 2)
    assert of_both.keys == {f"k:{lease.key.id.hex}"}


def test_a_wallet_without_a_pool_is_all_zero(lease, ask):
    account = ask(lease).of[lease.key.wallet_id]

    assert (account.leased_n, account.posted_n, account.returned_n, account.aside) == (0, 0, 0, [])


def test_spending_is_told_by_day_and_apart_for_earlier_generations(lease, ask):
    name = f"k:{lease.key.id.hex}"
    lease.charged(1000, 300)
    lease.book()
    lease.open_generation()
    lease.charged(1000, 20)
    lease.book()

    accounts = ask(lease)

    assert {place[0] for place in accounts.spent} == {name}
    assert days(accounts) <= {0, -1}  # midnight may just have passed
    assert (sum(accounts.spent.values()), sum(accounts.before.values())) == (20, 300)
    assert ask(lease, since=datetime.now(UTC) + timedelta(hours=1)).spent == {}


def test_calls_that_are_booked_are_told_with_rank_and_charge(lease, ask):
    booked, other = lease.charged(1000, 300), uuid7()
    lease.book()

    accounts = ask(lease, request_ids=[booked.request_id, other])

    assert accounts.booked == {booked.request_id: (2, 300)}


def test_events_set_aside_are_told_and_whether_they_were_booked_later(lease, ask):
    call = lease.charged(1000, 300)
    lease.book()
    for number, rid in enumerate((call.request_id.hex, "f" * 32, "odd")):
        lease.run(
            "INSERT INTO quarantined_events (bucket, event_id, fields, amount_n, error) "
            "VALUES (0, :id, jsonb_build_object('w', CAST(:w AS text), 'r', CAST(:r AS text)), 0, '')",
            id=str(number),
            w=lease.key.wallet_id.hex,
            r=rid,
        )

    accounts = ask(lease)

    assert [fields["r"] for fields in accounts.of[lease.key.wallet_id].aside] == [
        call.request_id.hex,
        "f" * 32,
        "odd",
    ]
    assert accounts.booked == {call.request_id: (2, 300)}


def test_open_pools_are_those_with_leases_in_use_or_asked_for(open_lease, engine):
    busy, idle, empty = open_lease(), open_lease(), open_lease()
    for desk in (busy, idle):
        desk.lend(1000)
    idle.run(
        "UPDATE pools SET used_at = now() - interval '1 hour' WHERE wallet_id = :w", w=idle.key.wallet_id
    )

    with engine.connect() as connection:
        gen = busy.life.gen
        lately = open_pools(connection, gen=gen, within_s=60, limit=9)
        ever = open_pools(connection, gen=gen, within_s=0, limit=9)
        asked = open_pools(connection, gen=gen, within_s=60, limit=1, also=[idle.key.wallet_id])
        later = open_pools(connection, gen=gen + 1, within_s=0, limit=9)

    assert lately == [(busy.key.wallet_id, busy.caller().bucket)]
    assert {wallet_id for wallet_id, _ in ever} == {busy.key.wallet_id, idle.key.wallet_id}
    assert [wallet_id for wallet_id, _ in asked] == [idle.key.wallet_id]
    assert later == []
    assert empty.key.wallet_id not in dict(ever)
