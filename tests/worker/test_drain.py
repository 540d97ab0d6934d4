"""Events of the streams are booked once, whatever happens to them on the way."""

import json
import random
import time
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from redis.exceptions import ConnectionError as Unreachable
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from core.counters import requests
from core.counters.keys import bucket_keys
from core.ids import uuid7
from core.models import Wallet
from core.rules.scopes import Quota
from worker.drain import Drain
from worker.streams import RedisStreams

TEN_USD = 10_000_000_000
PLAN = UUID(int=8)
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


class Mortal(RedisStreams):
    """Removes nothing: the ledger is killed between its commit and that."""

    def remove(self, event_ids):
        raise Unreachable("killed")


def sums(lease):
    """Balance, leased; posted, returned."""
    wallet, pool = lease.wallet(), lease.pool_row()
    return (wallet.balance_n, wallet.leased_n), (pool.posted_n, pool.returned_n)


def time_ms():
    return time.time_ns() // 1_000_000


def waiting(engine):
    """How many transactions wait for a lock."""
    with engine.connect() as connection:  # a transaction sees one state of the activity only
        return connection.scalar(text(WAITING))


def deliver(lease, fields, *, bucket=None):
    stream = bucket_keys(lease.caller().bucket if bucket is None else bucket).stream
    return lease.counters.redis.xadd(stream, fields).decode()


def quarantined(lease):
    return lease.rows("SELECT * FROM quarantined_events ORDER BY id")


def final(lease, charge_n=5, **changes):
    """An event as settle.lua writes it; fields that are None are left out."""
    call = lease.call(10)
    end = lease.ended(call, charge_n)
    fields = {
        "r": end.request_id.hex,
        "w": end.wallet_id.hex,
        "g": end.gen,
        "k": "2",
        "a": str(end.charge_n),
        "e": bytes(end.base),
        "f": bytes(end.final),
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def changed(document, **changes):
    fields = {**json.loads(document), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


def test_what_calls_came_to_is_taken_from_wallet_and_pool_and_the_stream_is_empty(lease):
    lease.charged(1000, 300)
    lease.charged(1000, 200)
    granted = lease.pool_row().granted_n

    lease.book()

    assert sums(lease) == ((TEN_USD - 500, granted - 500), (500, 0))
    assert sorted(row.charge_n for row in lease.usage()) == [200, 300]
    assert lease.stream() == []
    assert lease.differences() == []


def test_a_ledger_killed_between_commit_and_removal_books_once(lease, engine, counters):
    lease.charged(1000, 300)
    lease.charged(1000, 200)
    lease.recall(100)

    for _ in range(3):
        with pytest.raises(Unreachable):
            Drain(engine, Mortal(counters)).round()
        assert len(lease.stream()) == 3
    lease.book()

    granted = lease.pool_row().granted_n
    assert sums(lease) == ((TEN_USD - 500, granted - 600), (500, 100))
    assert (len(lease.usage()), lease.stream()) == (2, [])
    assert lease.differences() == []


@pytest.mark.parametrize("seed", range(4))
def test_redelivered_and_reordered_events_come_to_the_same(lease, seed):
    chance = random.Random(seed)
    for charge_n in (300, 0, 200):
        lease.charged(1000, charge_n)
    guessed = lease.admitted(1000)
    lease.checkpoint(guessed, 50)
    lease.silence(guessed)
    lease.counters.run(requests.sweep(lease.caller().bucket, lease.key.wallet_id, guessed.request_id))
    assert lease.settle(guessed, 70) == ("ADJUST", 70)
    for want_n in (10, 20, 30):
        lease.recall(want_n)
    events = [fields for _, fields in lease.stream()]
    lease.counters.redis.delete(lease.keys.bucket.stream)

    for _ in range(3):
        chance.shuffle(events)
        for fields in events[: chance.randint(1, len(events))]:
            deliver(lease, fields)
        lease.book()
    for fields in events:
        deliver(lease, fields)
    lease.book()

    granted = lease.pool_row().granted_n
    assert sums(lease) == ((TEN_USD - 570, granted - 630), (570, 60))
    assert sorted((row.rank, row.charge_n) for row in lease.usage()) == [(2, 0), (2, 70), (2, 200), (2, 300)]
    assert lease.differences() == []


def test_a_final_that_comes_after_the_sweepers_guess_was_booked_replaces_it(lease):
    call = lease.admitted(1000)
    lease.checkpoint(call, 400, tokens=7)
    lease.silence(call)
    lease.counters.run(requests.sweep(lease.caller().bucket, lease.key.wallet_id, call.request_id))
    lease.book()
    guess = [(row.rank, row.charge_n, row.reason, row.output_tokens) for row in lease.usage()]

    assert lease.settle(call, 150) == ("ADJUST", 150)
    lease.book()

    assert guess == [(1, 400, "orphaned", 7)]
    assert [(row.rank, row.charge_n, row.reason) for row in lease.usage()] == [(2, 150, "done")]
    kinds = lease.rows("SELECT kind, amount_n FROM ledger WHERE kind <> 'grant' ORDER BY id")
    assert [tuple(row) for row in kinds] == [("usage", -400), ("adjustment", 250)]
    assert lease.pool()["spent"] == lease.pool_row().posted_n == 150
    assert lease.differences() == []


@pytest.mark.parametrize("metered_n", [0, 400])
@pytest.mark.parametrize("ended", [None, (0, 500), (0, 200), (30, 502)])
def test_quotas_count_in_redis_what_they_count_in_postgres(lease, metered_n, ended):
    window = (datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1))
    quotas = [Quota("plan", PLAN, unit, 10**6, *window) for unit in ("usd", "tokens", "requests")]
    call = lease.admitted(1000, caller=lease.caller(quotas=tuple(quotas)), tokens=500)
    lease.checkpoint(call, metered_n, tokens=7)
    lease.silence(call)
    lease.counters.run(requests.sweep(lease.caller().bucket, lease.key.wallet_id, call.request_id))
    if ended is not None:
        charge_n, status = ended
        lease.settle(call, charge_n, status=status)

    lease.book()

    counted = [lease.counted().get(f"{quota.name}:s", 0) for quota in quotas]
    booked = lease.row(
        "SELECT coalesce(sum(charge_n), 0) AS usd, coalesce(sum(tokens), 0) AS tokens, "
        "coalesce(sum(requests), 0) AS requests FROM spends WHERE scope = 'p'"
    )
    assert counted == list(map(int, booked))


POISON = {
    "base is no JSON": {"e": "{"},
    "base is a list": {"e": "[]"},
    "final is no JSON": {"f": "nothing"},
    "no wallet": {"w": None},
    "no request id": {"r": None},
    "no generation": {"g": None},
    "a generation that is no number": {"g": "first"},
    "no rank": {"k": None},
    "a rank there is not": {"k": "3"},
    "a refusal": {"k": "0"},
    "a wallet that is no id": {"w": "mine"},
    "an id of the year 1970": {"r": uuid7(now_ms=0).hex},
    "an id of next year": {"r": uuid7(now_ms=2_000_000_000_000).hex},
    "an id beyond the calendar": {"r": "f" * 32},
    "an orphan without numbers": {"k": "1", "f": "1|2"},
    "an orphan of negative tokens": {"k": "1", "f": "1|-2|3"},
}


@pytest.mark.parametrize("changes", POISON.values(), ids=POISON)
def test_an_event_no_row_can_be_made_of_is_set_aside_with_its_amount_and_the_others_go_on(lease, changes):
    lease.charged(1000, 300)
    event_id = deliver(lease, final(lease, 77, **changes))
    lease.charged(1000, 200)
    drain = lease.drain()

    assert drain.round() == 3

    [set_aside] = quarantined(lease)
    bucket = lease.caller().bucket
    assert (set_aside.bucket, set_aside.event_id, set_aside.amount_n) == (bucket, event_id, 77)
    assert set_aside.fields["a"] == "77"
    assert lease.wallet().balance_n == TEN_USD - 500
    assert (drain.booked, drain.quarantined, lease.stream()) == (2, 1, [])


@pytest.mark.parametrize(
    ("amount", "kept_n"),
    [("-5", 0), ("1e14", 0), ("nan", 0), ("", 0), ("1_000", 0), ("9999999999999999", 9_999_999_999_999_999)],
)
def test_an_amount_that_cannot_be_is_set_aside(lease, amount, kept_n):
    deliver(lease, final(lease, a=amount))

    lease.book()

    assert [(row.amount_n, row.fields["a"]) for row in quarantined(lease)] == [(kept_n, amount)]
    assert lease.usage() == []


@pytest.mark.parametrize("name", ["key_id", "user_id", "model_id", "quotas", "app_name"])
def test_a_missing_fact_is_set_aside(lease, name):
    fields = final(lease)
    deliver(lease, {**fields, "e": changed(fields["e"], **{name: ...})})

    lease.book()

    [set_aside] = quarantined(lease)
    assert (set_aside.amount_n, set_aside.error) == (
        5,
        f"ValidationError: Object missing required field `{name}`",
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"app_name": "a\0b"},
        {"model_id": "\\\0\\u0000"},
        {"key_id": "not an id"},
        {"quotas": ["z:" + "0" * 32]},
    ],
)
def test_what_only_postgres_finds_wrong_is_set_aside_alone(lease, facts):
    for charge_n in range(1, 10):
        lease.charged(1000, charge_n)
    fields = final(lease, 77)
    deliver(lease, {**fields, "e": changed(fields["e"], **facts)})
    for charge_n in range(10, 20):
        lease.charged(1000, charge_n)

    lease.book()

    [set_aside] = quarantined(lease)
    assert (set_aside.amount_n, set_aside.error[:17]) == (77, "cannot be booked:")
    assert lease.wallet().balance_n == TEN_USD - sum(range(1, 20))
    assert lease.differences() == []


def test_text_with_nul_is_kept_as_it_can_be(lease):
    deliver(lease, {**final(lease), "w": "\0mine", "e": "\\u0000x"})

    lease.book()

    [set_aside] = quarantined(lease)
    assert (set_aside.fields["w"], set_aside.fields["e"]) == ("mine", "\\u0000x")


def test_a_call_of_no_wallet_and_one_of_another_wallet_are_set_aside(lease, open_lease):
    other, mine = open_lease(), lease.charged(1000, 300)
    lease.book()
    deliver(lease, final(lease, 11, w=uuid4().hex))
    deliver(lease, final(other, 12, r=mine.request_id.hex), bucket=other.caller().bucket)
    twice = uuid7().hex
    deliver(lease, final(lease, 13, r=twice))
    deliver(lease, final(other, 14, r=twice))  # of the same bucket, so behind it

    lease.book()

    assert sorted(row.amount_n for row in quarantined(lease)) == [11, 12, 14]
    assert {row.error for row in quarantined(lease)} == {"its wallet has no such call"}
    assert lease.wallet().balance_n == TEN_USD - 313
    assert other.wallet().balance_n == TEN_USD
    assert lease.differences() == []


def test_what_is_wrong_with_the_database_sets_nothing_aside(lease):
    lease.charged(1000, 300)
    lease.run("ALTER TABLE ledger RENAME TO away")

    with pytest.raises(ProgrammingError):
        lease.drain().round()

    lease.run("ALTER TABLE away RENAME TO ledger")
    assert (quarantined(lease), len(lease.stream())) == ([], 1)
    lease.book()
    assert lease.wallet().balance_n == TEN_USD - 300


def test_a_month_without_a_partition_gets_one(lease):
    long_ago = uuid7(now_ms=time_ms() - 200 * 86_400_000)
    deliver(lease, final(lease, 300, r=long_ago.hex))

    lease.book()

    assert [(row.request_id, row.charge_n) for row in lease.usage()] == [(long_ago, 300)]
    assert quarantined(lease) == []


def in_two_threads(work):
    """Run it twice at once; raises what either raised."""
    failed, start = [], Barrier(2)

    def run():
        start.wait(10)
        failed.extend(failure(work))

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def test_a_month_two_drains_need_at_once_is_made_once(lease):
    long_ago = time_ms() - 200 * 86_400_000
    for month in range(6):
        deliver(lease, final(lease, 300, r=uuid7(now_ms=long_ago - month * 32 * 86_400_000).hex))

    in_two_threads(lease.book)

    assert (len(lease.usage()), quarantined(lease)) == (6, [])


def test_two_drains_at_once_book_once_and_never_wait_for_each_other_in_turn(open_lease):
    desks = [open_lease() for _ in range(6)]
    chance = random.Random(7)
    for _ in range(12):
        for desk in chance.sample(desks, 4):
            desk.charged(1000, 10)
            desk.recall(chance.randint(1, 5))

    in_two_threads(desks[0].book)

    spent = sum(desk.pool()["spent"] for desk in desks)
    returned = sum(desk.pool()["returned"] for desk in desks)
    assert (spent, len(desks[0].usage())) == (480, 48)
    assert sum(TEN_USD - desk.wallet().balance_n for desk in desks) == spent
    assert sum(desk.pool_row().posted_n for desk in desks) == spent
    assert sum(desk.pool_row().returned_n for desk in desks) == returned
    assert (quarantined(desks[0]), desks[0].differences()) == ([], [])


class Given:
    """Streams with these events, and nothing to remove."""

    def __init__(self, *stores):
        self.events = {}
        for desk, fields in stores:
            events = self.events.setdefault(desk.caller().bucket, [])
            events.append((f"{time_ms()}-{len(self.events)}{len(events)}", fields))

    def read(self, *, count):
        return self.events

    def remove(self, event_ids):
        pass


def test_a_batch_with_money_that_came_back_locks_wallets_in_the_order_all_do(open_lease, engine, until):
    low, high = sorted((open_lease(), open_lease()), key=lambda desk: desk.key.wallet_id)
    low.lend(1000)
    back = {"w": low.key.wallet_id.hex, "g": low.life.name, "k": "return", "a": "10"}
    both = Drain(engine, Given((low, final(low)), (high, final(high))))
    crossing = Drain(engine, Given((high, final(high)), (low, back)))
    threads, failed = [], []

    def start(drain):
        threads.append(Thread(target=lambda: failed.extend(failure(drain.round))))
        threads[-1].start()
        until(lambda: waiting(engine) == len(threads))

    with engine.begin() as connection:
        connection.execute(select(Wallet.id).where(Wallet.id == low.key.wallet_id).with_for_update())
        start(both)  # waits for the first wallet, and will want the second
        start(crossing)  # must not hold the second while it waits for the first
    for thread in threads:
        thread.join(60)

    assert failed == []
    assert (low.pool_row().returned_n, len(low.usage())) == (10, 3)


def failure(work):
    try:
        work()
    except Exception as error:  # noqa: BLE001
        return [error]
    return []


def test_how_long_events_wait_is_known_while_they_do(lease, engine, counters):
    assert lease.drain().lag_s() == 0
    lease.charged(1000, 300)
    drain = Drain(engine, Mortal(counters))

    with pytest.raises(Unreachable):
        drain.round()

    assert 0 < drain.lag_s() < 60
    later = lease.drain()
    later.round()
    assert later.lag_s() == 0
