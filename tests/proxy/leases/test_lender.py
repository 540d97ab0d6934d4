"""What Redis lacks is fetched once for all who wait, and a lease that was lost on the way is not lost."""

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace
from uuid import uuid4

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from core.charging import pools
from core.counters import requests
from core.errors import Unavailable
from core.rules.periods import DAY_MS
from core.rules.scopes import Fuse, Subject
from proxy.leases import lender as lenders
from proxy.store.errors import Away
from tests.core.charging.conftest import ending
from tests.proxy.conftest import text_of, until


@pytest.fixture
def lender(leases):
    return leases.lender


@pytest.fixture
def life(leases):
    return leases.generations.current


@pytest.fixture
def clock(monkeypatch):
    """The lender's, which stands still unless told."""
    stands = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr(lenders, "time", SimpleNamespace(monotonic=lambda: stands.now_s))
    return stands


def leased(desk):
    return [row.amount_n for row in desk.rows("SELECT amount_n FROM leases ORDER BY seq")]


async def test_a_lease_reaches_redis_and_is_valid_there_for_less_long(lender, life, counter):
    assert await lender.lend(counter.desk.caller(), life, want_n=100) == 400

    assert counter.pool() == {"free": 400, "held": 0, "spent": 0, "granted": 400, "seq": 1}
    in_redis_s = int(counter.redis.hget(counter.keys.pool, "exp")) / 1000 - time.time()
    in_postgres_s = counter.desk.row("SELECT extract(epoch FROM valid_until - now()) FROM pools")[0]
    assert 85 < in_redis_s < 92
    assert 115 < in_postgres_s < 121


async def test_two_hundred_who_find_a_pool_empty_wait_for_one_lease(lender, life, counter):
    caller = counter.desk.caller()

    leases = await asyncio.gather(*(lender.lend(caller, life, want_n=50) for _ in range(200)))

    assert leases == [200] * 200
    assert leased(counter.desk) == [200]
    assert lender._asking == {}


async def test_two_hundred_who_are_not_known_are_loaded_once(lender, life, counter, monkeypatch):
    asked = []
    bases_of = lenders.bases_of
    monkeypatch.setattr(
        lenders, "bases_of", lambda *args, **fields: asked.append(args) or bases_of(*args, **fields)
    )
    caller, now_ms = counter.desk.caller(), int(time.time() * 1000)

    await asyncio.gather(*(lender.load(caller, life, now_ms=now_ms) for _ in range(200)))

    assert len(asked) == 1
    assert lender._loading == {}


async def test_whoever_waits_for_another_day_is_loaded_for_it(lender, life, counter):
    """Around midnight a call counts in the day of its request id, whatever this process's clock says."""
    subject = Subject("key", counter.desk.key_id, 500, "day")
    caller, now_ms = counter.desk.caller(subjects=(subject,)), int(time.time() * 1000)

    await asyncio.gather(*(lender.load(caller, life, now_ms=now_ms + day * DAY_MS) for day in (0, 1)))

    today = now_ms // DAY_MS
    loaded = text_of(counter.redis.hgetall(counter.keys.counters))
    assert {name for name in loaded if name.endswith(":b")} == {
        f"{subject.name}@d{day}:b" for day in (today, today + 1)
    }


async def test_who_gives_up_waiting_takes_nothing_from_the_others(lender, life, counter):
    caller = counter.desk.caller()
    tasks = [asyncio.create_task(lender.lend(caller, life, want_n=50)) for _ in range(3)]
    await asyncio.sleep(0)

    tasks[0].cancel()

    assert await asyncio.gather(*tasks[1:]) == [200, 200]
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]


async def test_wallets_do_not_wait_for_one_another(lender, life, counter, open_desk):
    desks = [open_desk(1000) for _ in range(5)]

    await asyncio.gather(*(lender.lend(desk.caller(), life, want_n=50) for desk in desks))

    assert leased(counter.desk) == [200] * 5


@pytest.mark.parametrize("lost", [1, 3])
async def test_leases_lost_on_the_way_are_taken_up_once_and_in_order(lender, life, counter, lost):
    await lender.lend(counter.desk.caller(), life, want_n=10)
    for _ in range(lost):
        counter.desk.run("UPDATE leases SET at = at - interval '1 hour'")  # so that there is more than one
        assert counter.desk.lease(life.gen, 10).amount_n > 0
    assert counter.pool()["seq"] == 1

    await lender.lend(counter.desk.caller(), life, want_n=10)

    assert counter.pool()["seq"] == len(leased(counter.desk))
    assert counter.pool()["granted"] == sum(leased(counter.desk)) == counter.desk.pool(life.gen)[0]


async def test_a_lost_lease_is_found_although_nothing_more_is_free(lender, life, counter):
    await lender.lend(counter.desk.caller(), life, want_n=10)
    counter.desk.lease(life.gen, 10_000)
    assert counter.pool()["free"] == 50

    assert await lender.lend(counter.desk.caller(), life, want_n=10) == 0

    assert counter.pool()["free"] == 1000


async def test_a_first_lease_that_was_lost_is_found_too(lender, life, counter):
    counter.desk.lease(life.gen, 10_000)

    assert await lender.lend(counter.desk.caller(), life, want_n=10) == 0

    assert counter.pool() == {"free": 1000, "held": 0, "spent": 0, "granted": 1000, "seq": 1}


async def test_a_wallet_without_money_is_believed_to_be_dry_for_a_moment(lender, life, counter, clock):
    caller = counter.desk.caller()
    await lender.lend(caller, life, want_n=10_000)
    assert not lender.is_dry(caller)
    await lender.lend(caller, life, want_n=10)
    assert lender.is_dry(caller)

    clock.now_s += lenders.DRY_S

    assert not lender.is_dry(caller)


async def test_money_that_comes_in_is_seen_by_the_next_version(lender, life, counter):
    caller = counter.desk.caller()
    for want in (10_000, 10):
        await lender.lend(caller, life, want_n=want)

    counter.desk.grant(77)

    topped_up = counter.desk.caller()
    assert topped_up.wallet_ver > caller.wallet_ver
    assert not lender.is_dry(topped_up)
    assert await lender.lend(topped_up, life, want_n=50) == 77


async def test_a_dry_wallet_keeps_its_pool_valid(lender, life, counter):
    for want in (10_000, 10):
        await lender.lend(counter.desk.caller(), life, want_n=want)
    counter.redis.hset(counter.keys.pool, "exp", 5)

    await lender.lend(counter.desk.caller(), life, want_n=10)

    assert int(counter.redis.hget(counter.keys.pool, "exp")) > time.time() * 1000
    assert counter.pool()["free"] == 1000


async def test_no_lease_for_a_generation_that_is_over(lender, life, counter):
    counter.desk.open_generation("another")

    with pytest.raises(Unavailable):
        await lender.lend(counter.desk.caller(), life, want_n=10)

    assert counter.desk.wallet()[1] == 0
    assert counter.pool()["granted"] == 0


async def test_a_lease_redis_does_not_take_any_more_is_no_money(lender, life, counter):
    """The generation ended between PostgreSQL and Redis: what was leased is old, and stays out until closed."""
    counter.redis.set(counter.keys.bucket.generation, "99:0")

    with pytest.raises(Away):
        await lender.lend(counter.desk.caller(), life, want_n=10)

    assert counter.pool()["granted"] == 0
    assert counter.desk.wallet()[1] == 50


async def test_without_postgresql_there_is_no_lease(lender, life, counter):
    caller = counter.desk.caller()
    counter.desk.run("ALTER TABLE pools RENAME TO pools_away")

    try:
        failed = await asyncio.gather(
            *(lender.lend(caller, life, want_n=10) for _ in range(3)), return_exceptions=True
        )
    finally:
        counter.desk.run("ALTER TABLE pools_away RENAME TO pools")

    assert [type(error) for error in failed] == [Unavailable] * 3
    assert lender._asking == {}
    assert await lender.lend(caller, life, want_n=10) == 50


async def test_a_refill_that_fails_is_said_and_the_next_one_is_tried(lender, life, counter):
    caller = counter.desk.caller()
    counter.desk.run("ALTER TABLE pools RENAME TO pools_away")
    try:
        with capture_logs() as logs:
            lender.lend_in_background(caller, life, want_n=10)
            await until(lambda: any(log["event"] == "pool_not_refilled" for log in logs))
    finally:
        counter.desk.run("ALTER TABLE pools_away RENAME TO pools")

    lender.lend_in_background(caller, life, want_n=10)

    await until(lambda: counter.pool()["free"] == 50)


async def test_a_dry_wallet_is_not_refilled(lender, life, counter, clock):
    caller = counter.desk.caller()
    for want in (10_000, 10):
        await lender.lend(caller, life, want_n=want)

    lender.lend_in_background(caller, life, want_n=10)

    assert lender._asking == {}


async def test_versions_are_told_and_never_go_back(lender, life, counter):
    caller = replace(counter.desk.caller(), wallet_ver=7, key_ver=9)
    await lender.tell_versions(caller)
    await lender.tell_versions(replace(caller, wallet_ver=3, key_ver=2))

    known = text_of(counter.redis.hgetall(counter.keys.counters))

    assert (known["w"], known[f"v:{caller.key_id.hex}"]) == ("7", "9")


async def test_what_is_loaded_is_what_was_spent_before(leases, lender, counter):
    before = leases.generations.current
    member = uuid4()
    subjects = (Subject("key", counter.desk.key_id, 900, "day"), Subject("member", member, 900))
    caller = counter.desk.caller(
        subjects=subjects, fuses=(Fuse("org", uuid4(), 10**9, 10**9),), member_id=member
    )
    call = structs.replace(counter.call(100), caller=caller)
    verdict = await leases.gate.admit(call)
    await leases.settler.send(requests.ended(call, ending(60), gen=verdict.gen, hold_n=100))
    counter.book()
    counter.redis.flushall()
    await leases.generations.lost()
    counter.desk.close(before.gen)

    now_ms = call.request_id.int >> 80
    await lender.load(caller, leases.generations.current, now_ms=now_ms)

    loaded = text_of(counter.redis.hgetall(counter.keys.counters))
    assert sorted(value for name, value in loaded.items() if name.endswith(":b")) == ["60", "60"]
    windows = text_of(counter.redis.hgetall(counter.keys.windows))
    assert windows[f"{caller.fuses[0].name}:ws"] == "60"


def test_a_lease_outlives_redis_by_enough():
    assert pools.VALID_S * 1000 - pools.REDIS_VALID_MS >= 30_000
