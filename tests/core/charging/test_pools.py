"""Money is leased to a pool out of what is free, once; and what the pool does not spend comes back."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from core.charging import generations, pools
from core.charging.pools import MAX_LEASE_N, Granted, PoolAt, lease_size

USD = 10**9


@pytest.mark.parametrize(
    ("free", "want", "rate", "size"),
    [
        (1000, 10, 0, 50),  # one part in twenty
        (1000, 20, 0, 80),  # four calls like this one
        (1000, 10, 700, 700),  # thirty seconds at this rate
        (1000, 300, 0, 1000),  # near the end all of it
        (1000, 2000, 0, 1000),
        (1, 1, 0, 1),
        (1, 0, 0, 1),
        (19, 0, 0, 1),
        (0, 10, 10, 0),
        (-5, 10, 10, 0),
        (10**7 * USD, 1, 0, MAX_LEASE_N),
        (10**7 * USD, 600 * USD, 0, MAX_LEASE_N),
        (10**7 * USD, 1, 10**6 * USD, MAX_LEASE_N),
    ],
)
def test_a_lease_lasts_for_a_while_and_never_exceeds_what_is_free(free, want, rate, size):
    assert lease_size(free_n=free, want_n=want, rate_n=rate) == size


def test_a_lease_is_taken_from_what_is_free_and_changes_no_balance(desk):
    gen = desk.open_generation().gen

    assert desk.lease(gen, 100) == Granted(1, 400)

    assert desk.wallet() == (1000, 400, 600)
    assert desk.pool(gen) == (400, 0, 0, "active")
    assert desk.rows("SELECT * FROM ledger WHERE kind <> 'grant'") == []


def test_leases_of_a_pool_are_numbered_and_can_be_told_again(desk):
    gen = desk.open_generation().gen
    for want in (10, 0, 0):
        desk.run("UPDATE leases SET at = at - interval '1 hour'")  # so that no rate counts
        desk.lease(gen, want)

    with desk.engine.begin() as connection:
        found = [
            pools.leases_since(connection, wallet_id=desk.wallet_id, gen=gen, seq=seq) for seq in (0, 2, 3)
        ]

    assert found[0] == [Granted(1, 50), Granted(2, 47), Granted(3, 45)]
    assert found[1:] == [found[0][2:], []]


def test_a_wallet_that_is_spent_as_fast_as_it_is_leased_gets_larger_leases(desk):
    gen = desk.open_generation().gen

    leases = [desk.lease(gen, 1).amount_n for _ in range(2)]

    assert leases == [50, 950]  # the first lasted less than a second


def test_the_last_nano_dollar_is_leased_and_then_nothing(desk):
    gen = desk.open_generation().gen

    leases = [desk.lease(gen, want) for want in (249, 1, 1, 1)]

    assert leases == [Granted(1, 996), Granted(2, 4), Granted(2, 0), Granted(2, 0)]
    assert desk.wallet() == (1000, 1000, 0)


def test_a_lease_of_nothing_keeps_the_pool_valid(desk):
    gen = desk.open_generation().gen
    desk.lease(gen, 1000)
    desk.run("UPDATE pools SET valid_until = now()")

    desk.lease(gen, 1)

    assert desk.row("SELECT valid_until > now() + interval '100 s' FROM pools")[0]


def test_what_calls_hold_in_postgresql_is_not_leased(desk):
    call = desk.admitted(700)
    gen = desk.open_generation().gen

    assert desk.lease(gen, 1000) == Granted(1, 300)
    desk.settle(call, 700)
    assert desk.wallet() == (300, 300, 0)


def test_a_credit_limit_can_be_leased(desk):
    gen = desk.open_generation().gen
    desk.run("UPDATE wallets SET credit_limit_n = 500 WHERE id = :w", w=desk.wallet_id)

    assert desk.lease(gen, 1500) == Granted(1, 1500)


@pytest.mark.parametrize("has_pool", [True, False])
def test_a_generation_that_is_over_gets_no_lease(desk, has_pool):
    old = desk.open_generation().gen
    if has_pool:
        desk.lease(old, 10)
    new = desk.open_generation().gen

    assert desk.lease(old, 100) is None
    assert desk.wallet()[1] == (50 if has_pool else 0)
    assert desk.lease(new, 100) is not None


@pytest.fixture
def waits(desk):
    """Waits until somebody waits for the lock of generations; the work must not be done before."""

    def until_waiting(work):
        pause = Event()
        while not desk.row(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
        )[0]:
            assert not work.done()
            pause.wait(0.01)

    return until_waiting


def test_no_generation_opens_while_a_lease_is_under_way(desk, waits):
    """Else it would count as outstanding what was there before the lease."""
    gen = desk.open_generation().gen

    with ThreadPoolExecutor(1) as threads:
        with desk.engine.begin() as connection:
            pools.grant(connection, wallet_id=desk.wallet_id, gen=gen, want_n=10)
            opening = threads.submit(desk.open_generation)
            waits(opening)

        assert opening.result().gen == gen + 1


def test_a_lease_that_waited_for_the_next_generation_is_none(desk, waits):
    old = desk.open_generation().gen

    with ThreadPoolExecutor(1) as threads:
        with desk.engine.begin() as connection:
            generations.lock(connection)
            leasing = threads.submit(desk.lease, old, 10)
            waits(leasing)
            generations.open_next(connection, fingerprint="next", since_ms=0)

        assert leasing.result() is None
    assert desk.wallet() == (1000, 0, 1000)


def test_leases_at_once_never_exceed_what_is_free(open_desk):
    desk = open_desk(100_003)
    gen, start = desk.open_generation().gen, Barrier(12)

    def lease(number):
        start.wait()
        return [desk.lease(gen, 300 * (number + 1)).amount_n for _ in range(6)]

    with ThreadPoolExecutor(12) as threads:
        leased = [amount for amounts in threads.map(lease, range(12)) for amount in amounts]

    assert sum(leased) == 100_003
    assert desk.wallet() == (100_003, 100_003, 0)
    numbers = desk.rows("SELECT seq FROM leases ORDER BY seq")
    assert [row.seq for row in numbers] == list(range(1, len(numbers) + 1))
    assert desk.differences() == []


def test_leases_and_holds_at_once_never_share_money(open_desk):
    desk = open_desk(10_000)
    gen, start = desk.open_generation().gen, Barrier(8)

    def take(number):
        start.wait()
        for _ in range(10):
            if number % 2:
                desk.lease(gen, 30)
            else:
                desk.admit(desk.call(300))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(take, range(8)))

    assert desk.wallet()[2] == 0
    assert desk.differences() == []


def test_what_is_returned_is_told_in_all_so_order_and_repetition_do_not_matter(desk):
    gen = desk.open_generation().gen
    desk.lease(gen, 250)
    totals = [100, 300, 450]
    told = totals * 3
    random.shuffle(told)

    for total in told:
        desk.take_back(gen, total)

    assert desk.pool(gen) == (1000, 0, 450, "active")
    assert desk.wallet() == (1000, 550, 450)
    assert desk.differences() == []


def test_returned_money_can_be_leased_again(desk):
    gen = desk.open_generation().gen
    desk.lease(gen, 1000)
    desk.take_back(gen, 1000)

    assert desk.lease(gen, 1000) == Granted(2, 1000)
    assert desk.pool(gen) == (2000, 0, 1000, "active")


def test_what_comes_back_after_a_pool_was_closed_changes_nothing(desk):
    old = desk.open_generation().gen
    desk.lease(old, 1000)
    desk.open_generation()
    desk.close(old)

    desk.take_back(old, 400)

    assert desk.pool(old) == (1000, 0, 0, "closed")
    assert desk.wallet() == (1000, 0, 1000)


def test_closing_gives_back_what_is_left_once(desk):
    old = desk.open_generation().gen
    desk.lease(old, 200)
    desk.book(desk.entry(desk.call(100), 30, gen=old))
    desk.take_back(old, 70)
    desk.open_generation()

    for _ in range(2):
        desk.close(old)

    assert desk.pool(old) == (800, 30, 70, "closed")
    assert desk.wallet() == (970, 0, 970)
    assert desk.differences() == []


def test_closing_pools_of_one_wallet_leaves_those_of_others_alone(open_desk):
    one, other = open_desk(1000), open_desk(1000)
    gens = []
    for want in (50, 100):
        gens.append(one.open_generation().gen)
        for desk in (one, other):
            desk.lease(gens[-1], want)
    one.open_generation()

    one.close(*gens)

    assert (one.wallet(), other.wallet()) == ((1000, 0, 1000), (1000, 600, 400))


def pool_at(desk):
    return PoolAt(desk.wallet_id, desk.caller().bucket, 1)


def test_pools_in_use_stay_valid_and_idle_ones_are_told(open_desk):
    used, idle, empty, over = (open_desk(1000) for _ in range(4))
    old = over.open_generation().gen
    over.lease(old, 1000)
    gen = used.open_generation().gen
    for desk in (used, idle, empty):
        desk.lease(gen, 1000)
    empty.take_back(gen, 1000)
    used.run("UPDATE pools SET valid_until = now(), used_at = now() - interval '5 s'")
    used.run(
        "UPDATE pools SET used_at = now() - interval '1 h' WHERE wallet_id <> :w AND gen = :g",
        w=used.wallet_id,
        g=gen,
    )

    with used.engine.begin() as connection:
        renewed = pools.renew(connection, gen=gen, idle_s=60)
        given_up = pools.idle(connection, gen=gen, idle_s=60)

    assert (renewed, given_up) == ([pool_at(used)], [pool_at(idle)])
    valid = used.rows("SELECT wallet_id FROM pools WHERE valid_until > now() + interval '100 s'")
    assert [row.wallet_id for row in valid] == [used.wallet_id]


def test_a_pool_somebody_is_at_work_on_is_renewed_the_next_time(open_desk):
    """Bookings lock the pools of many wallets in no order: who waits for one of them must hold none."""
    busy, free = open_desk(1000), open_desk(1000)
    gen = busy.open_generation().gen
    for desk in (busy, free):
        desk.lease(gen, 1000)

    def renew():
        with free.engine.begin() as connection:
            return set(pools.renew(connection, gen=gen, idle_s=60))

    with busy.engine.begin() as connection:
        pools.grant(connection, wallet_id=busy.wallet_id, gen=gen, want_n=1)
        assert renew() == {pool_at(free)}

    assert renew() == {pool_at(free), pool_at(busy)}


def test_booking_keeps_a_pool_in_use(desk):
    gen = desk.open_generation().gen
    desk.lease(gen, 100)
    desk.run("UPDATE pools SET used_at = now() - interval '1 h'")

    desk.book(desk.entry(desk.call(100), 30, gen=gen))

    with desk.engine.begin() as connection:
        assert pools.idle(connection, gen=gen, idle_s=60) == []
