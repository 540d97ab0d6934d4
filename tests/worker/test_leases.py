"""Silent calls are settled, pools in use stay valid, idle and old ones come back."""

import pytest

from core.charging import generations, pools
from core.counters import requests
from core.ids import uuid7
from worker.leases import IDLE_S, LeaseKeeper

TEN_USD = 10_000_000_000
LONGEST_S = 900


@pytest.fixture
def keeper(engine, counters):
    return LeaseKeeper(engine, counters, longest_call_s=LONGEST_S)


@pytest.fixture
def rest(lease):
    """Have the pool lie idle for so many seconds."""

    def rested(seconds):
        lease.run("UPDATE pools SET used_at = now() - make_interval(secs => :s)", s=seconds)

    return rested


def validity(lease):
    return lease.row("SELECT extract(epoch FROM valid_until - now()) FROM pools")[0]


def expire(lease, seconds_ago):
    lease.run("UPDATE pools SET valid_until = now() - make_interval(secs => :s)", s=seconds_ago)


def test_a_silent_call_is_settled_at_what_it_was_known_to_have_made(lease, keeper, capsys):
    silent, alive = lease.admitted(1000), lease.admitted(1000)
    lease.checkpoint(silent, 700, tokens=3)
    lease.silence(silent)

    assert keeper.sweep() == 1

    lease.book()
    assert [(row.request_id, row.charge_n, row.rank) for row in lease.usage()] == [
        (silent.request_id, 700, 1)
    ]
    assert (lease.pool()["held"], lease.pool()["spent"]) == (1000, 700)
    assert (keeper.sweep(), keeper.swept) == (0, 1)
    assert lease.settle(alive, 10) == ("OK", 10)
    out = capsys.readouterr().out
    assert out.count("call_swept") == 1
    assert silent.request_id.hex in out


def test_silent_calls_of_many_wallets_are_settled_in_one_go(open_lease, keeper):
    desks = [open_lease() for _ in range(5)]
    for desk in desks:
        for _ in range(3):
            desk.silence(desk.admitted(1000))

    assert keeper.sweep() == 15

    assert [desk.pool()["held"] for desk in desks] == [0] * 5


def test_a_call_heard_of_in_the_meantime_goes_on(lease, keeper):
    call = lease.admitted(1000)
    lease.silence(call)
    sweep = requests.sweep(lease.caller().bucket, lease.key.wallet_id, call.request_id)
    lease.checkpoint(call, 1)

    assert lease.counters.run(sweep) == [b"HEARD"]

    assert lease.pool()["held"] == 1000


def test_a_deadline_of_nothing_is_looked_at_once(lease, keeper):
    ended = lease.charged(1000, 10)
    never = lease.call(1000)
    for call in (ended, never):
        lease.silence(call)

    assert keeper.sweep() == 0

    assert lease.counters.redis.zcard(lease.keys.bucket.deadlines) == 0
    assert lease.pool()["spent"] == 10


def test_a_pool_in_use_stays_valid_in_postgres_and_redis(lease, keeper, rest):
    lease.lend(1000)
    rest(IDLE_S - 5)
    lease.run("UPDATE pools SET valid_until = now()")
    lease.counters.redis.hset(lease.keys.pool, "exp", 5)
    before = lease.pool()

    keeper.renew()

    assert 115 < validity(lease) <= 120
    assert lease.pool()["exp"] > before.pop("exp")
    assert {name: lease.pool()[name] for name in before} == before  # nothing else changed


def test_a_pool_nobody_uses_comes_back_but_for_what_is_held(lease, keeper, rest):
    call = lease.admitted(1000)
    granted = lease.pool()["granted"]
    rest(IDLE_S)
    valid_s = validity(lease)

    keeper.renew()
    lease.book()

    assert lease.pool()["free"] == 0
    assert lease.wallet().leased_n == 1000
    assert lease.pool_row().returned_n == granted - 1000
    assert validity(lease) <= valid_s
    assert lease.settle(call, 400) == ("OK", 400)
    rest(IDLE_S)
    keeper.renew()
    lease.book()
    assert (lease.wallet().leased_n, lease.wallet().balance_n) == (0, TEN_USD - 400)
    assert lease.differences() == []


def lose_lease(lease, want_n):
    """A lease of which Redis was never told: its proxy died on the way."""
    lease.run(
        "UPDATE leases SET at = at - interval '1 hour'"
    )  # else so quick a second one takes all there is
    with lease.engine.begin() as connection:
        granted = pools.grant(connection, wallet_id=lease.key.wallet_id, gen=lease.life.gen, want_n=want_n)
    return granted.amount_n


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lease_that_was_lost_on_its_way_is_handed_over_once(lease, keeper, rest, lost):
    lease.lend(1000)
    before = lease.pool()
    amounts = [lose_lease(lease, 1000 * nth) for nth in range(1, lost + 1)]

    for _ in range(2):
        keeper.renew()

    assert lease.pool()["free"] == before["free"] + sum(amounts)
    assert lease.pool()["seq"] == before["seq"] + lost


def test_a_lease_that_was_lost_comes_back_from_a_pool_nobody_uses(lease, keeper, rest):
    lease.open_generation()
    lose_lease(lease, 1000)
    rest(IDLE_S)

    keeper.renew()
    lease.book()

    assert (lease.wallet().leased_n, lease.pool()["free"]) == (0, 0)
    assert lease.pool()["exp"] <= int(lease.counters.redis.time()[0]) * 1000 + 1000  # it admits nobody
    assert lease.differences() == []


def test_a_pool_that_came_back_is_lent_to_again(lease, keeper, rest):
    lease.charged(1000, 100)
    rest(IDLE_S)
    keeper.renew()

    lease.charged(1000, 100)

    lease.book()
    assert lease.wallet().balance_n == TEN_USD - 200
    assert lease.differences() == []


def test_nothing_is_renewed_before_there_is_a_generation(keeper):
    keeper.renew()

    assert keeper.close_old() == 0


def seen(lease, boot, settled_gen):
    with lease.engine.begin() as connection:
        generations.seen(connection, boot_id=boot, settled_gen=settled_gen)


def test_an_old_pool_is_closed_once_every_proxy_has_settled_what_it_ran(lease, keeper, capsys):
    lease.charged(1000, 300)
    lease.book()
    first, second = uuid7(), uuid7()
    old = lease.life.gen
    seen(lease, first, old)
    seen(lease, second, old)
    new = lease.open_generation().gen

    before = keeper.close_old()
    seen(lease, first, new)
    with_one = keeper.close_old()
    leased = lease.wallet().leased_n
    seen(lease, second, new)

    assert (before, with_one, keeper.close_old()) == (0, 0, 1)
    assert leased > 0
    assert (lease.wallet().leased_n, lease.pool_row().state) == (0, "closed")
    assert capsys.readouterr().out.count("pool_closed") == 1
    assert lease.differences() == []


def test_a_proxy_that_drained_is_not_waited_for(lease, keeper):
    lease.lend(1000)
    boot = uuid7()
    seen(lease, boot, lease.life.gen)
    lease.open_generation()
    assert keeper.close_old() == 0

    with lease.engine.begin() as connection:
        generations.ended(connection, [boot])

    assert keeper.close_old() == 1


@pytest.mark.parametrize(("seconds_ago", "closed"), [(LONGEST_S + 55, 0), (LONGEST_S + 61, 1)])
def test_a_proxy_that_never_answers_is_waited_for_as_long_as_a_call_may_take(
    lease, keeper, seconds_ago, closed
):
    lease.lend(1000)
    seen(lease, uuid7(), lease.life.gen)
    lease.open_generation()
    expire(lease, seconds_ago)

    assert keeper.close_old() == closed


def test_pools_of_the_present_generation_are_never_closed(lease, keeper):
    lease.lend(1000)
    expire(lease, 10 * LONGEST_S)

    assert keeper.close_old() == 0


def test_what_is_posted_after_its_pool_was_closed_is_paid_by_the_wallet(lease, keeper):
    call = lease.admitted(1000)
    end = lease.ended(call, 600)
    lease.open_generation()
    keeper.close_old()
    assert lease.wallet().leased_n == 0

    lease.counters.run(requests.settlement(end))
    lease.book()

    assert (lease.wallet().balance_n, lease.wallet().leased_n) == (TEN_USD - 600, 0)
    assert lease.differences() == []
