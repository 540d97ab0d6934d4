"""Nobody has Redis, and calls go on in PostgreSQL. In neither place, nor in both, is more spent than there is."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import closing
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.chaos.auditor import FINAL, Cap
from tests.chaos.conftest import FAILED
from tests.chaos.crowd import EXPECTED, MONEY_N, rush, served, until_spent
from tests.chaos.load import LONG, MIXED, Load
from tests.chaos.processes import until
from tests.chaos.rig import Rig, begin
from tests.chaos.test_limits import LIMITS
from tests.chaos.wire import SOUND, Fault

DONE = 5  # answers that show that all is well again
CHANGED_S = 30  # from Redis to PostgreSQL and back takes seconds; the rest is for a machine that is busy


@pytest.fixture
async def steadfast(rig, request) -> AsyncIterator[Rig]:
    """The rig with proxies that go on without Redis, in place of those that refuse."""
    usual = rig.proxies
    for proxy in usual:
        proxy.stop()
    rig.proxies = [rig.make_proxy(REDIS_DOWN="postgres") for _ in usual]
    await begin(*rig.proxies)
    yield rig
    if request.node.stash[FAILED]:  # the rig goes with it
        return
    for proxy in rig.proxies:
        proxy.stop()
    rig.proxies = usual
    await begin(*usual)


def mode(proxy):
    """Where a proxy admits calls: "redis", "postgres" or nowhere."""
    try:
        with urlopen(f"{proxy.url}/readyz", timeout=2) as answer:
            return "postgres" if "degraded" in json.load(answer) else "redis"
    except (URLError, OSError):
        return None


async def all_admit_in(place, *proxies):
    async with asyncio.timeout(CHANGED_S):
        while {await asyncio.to_thread(mode, one) for one in proxies} != {place}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def little_money(rig, chance):
    """Secrets of keys that may together spend so much, by whichever limit."""
    limit = chance.choice(LIMITS)
    keys = limit(rig.accounts)
    names = frozenset(str(key.id) for key, _ in keys)
    rig.caps.append(Cap(label=f"{limit.__name__} without Redis", keys=names, limit_n=MONEY_N))
    return [secret for _, secret in keys]


async def spend(rig, secrets, seen, *, calls):
    """So many calls at once; not one too many is served."""
    seen += await rush(rig, secrets, calls=calls)
    assert not served(seen) - EXPECTED


async def all_booked(rig, seen):
    """Wait until PostgreSQL knows how these calls ended: what a proxy has in hand when it is cut off or frozen is
    settled without it at the deadline, and may be spent once more.
    """
    mine = {one.request_id for one in seen if one.status == 200}
    async with asyncio.timeout(CHANGED_S):
        while mine - {name for name, row in rig.usage().items() if row["rank"] == FINAL}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def served_in_postgres(rig):
    return sum(1 for row in rig.usage().values() if row["gen"] == 0 and row["charge_n"])


async def test_calls_go_on_while_redis_is_away_and_return_to_it(steadfast, chance, size):
    for _ in range(size(1, 10)):
        await go_on(steadfast, chance, calls=size(20, 60))


@pytest.mark.usefixtures("full_only")
async def test_calls_go_on_and_return_to_a_redis_that_forgot_everything(steadfast, chance):
    for _ in range(10):
        await go_on(steadfast, chance, calls=60, forget=True)


async def go_on(rig, chance, *, calls, forget=False):
    """Spend little money before Redis is killed, while it is away, and when it is back."""
    secrets, seen, before = little_money(rig, chance), [], served_in_postgres(rig)
    async with Load(rig, 6, chance=chance, mix=MIXED) as load:
        await spend(rig, secrets, seen, calls=3)

        rig.valkey.kill()
        if forget:
            rig.forget_redis()
        await all_admit_in("postgres", *rig.proxies)

        await spend(rig, secrets, seen, calls=calls)
        await load.answered(DONE)
        await begin(rig.valkey)
        await spend(rig, secrets, seen, calls=calls)
        await all_admit_in("redis", *rig.proxies)
        await load.answered(DONE)
    await until_spent(rig, secrets, seen)
    assert served_in_postgres(rig) > before


@pytest.mark.usefixtures("full_only")
async def test_redis_may_come_and_go(steadfast, chance):
    rig = steadfast
    before = generations(rig)
    for _ in range(5):
        secrets, seen = little_money(rig, chance), []
        async with Load(rig, 6, chance=chance, mix=MIXED) as load:
            for _ in range(4):
                await spend(rig, secrets, seen, calls=3)
                rig.valkey.kill()
                if chance.random() < 0.5:
                    rig.forget_redis()
                await asyncio.sleep(6 * chance.random())
                await spend(rig, secrets, seen, calls=20)
                await begin(rig.valkey)
                await asyncio.sleep(6 * chance.random())
            await all_admit_in("redis", *rig.proxies)
            await load.answered(DONE)
        await until_spent(rig, secrets, seen)

    assert generations(rig) - before <= 2 * 20


def generations(rig):
    """How many generations there were."""
    with closing(rig.redis()) as redis:
        return int(redis.get("bl:{b000}:G").partition(b":")[0])


@pytest.mark.usefixtures("full_only")
async def test_proxies_may_die_and_be_replaced_without_redis(steadfast, chance):
    rig = steadfast
    secrets, seen = little_money(rig, chance), []
    async with Load(rig, 10, chance=chance, mix=LONG) as load:
        await spend(rig, secrets, seen, calls=3)
        await load.flowing(rig.proxies[0])
        rig.valkey.kill()
        await all_admit_in("postgres", *rig.proxies)
        for number in range(20):
            proxy = rig.proxies[number % len(rig.proxies)]
            await load.flowing(proxy)
            if number % 3:
                proxy.kill()
            else:
                proxy.send(signal.SIGTERM)
                await proxy.ended(within_s=20)
            await begin(proxy)
            await spend(rig, secrets, seen, calls=6)
        await load.answered(DONE)
        await begin(rig.valkey)
        await all_admit_in("redis", *rig.proxies)
        await load.answered(DONE)
    await until_spent(rig, secrets, seen)


@pytest.mark.usefixtures("full_only")
async def test_nobody_needs_to_know_what_was_committed_without_redis(steadfast, chance):
    rig, wire = steadfast, steadfast.postgres_wire
    lost = wire.lost + 500
    async with Load(rig, 10, chance=chance, mix=MIXED, leaving=0.2) as load:
        await load.answered(DONE)
        rig.valkey.kill()
        await all_admit_in("postgres", *rig.proxies)

        wire.fault = Fault(lose=0.05)
        await until(lambda: wire.lost >= lost, within_s=1000)
        wire.fault = SOUND

        await load.answered(DONE)
        await begin(rig.valkey)
        await all_admit_in("redis", *rig.proxies)
        await load.answered(DONE)


@pytest.mark.usefixtures("full_only")
async def test_postgres_may_crash_and_recover_without_redis(steadfast, chance):
    rig = steadfast
    async with Load(rig, 10, chance=chance, mix=MIXED) as load:
        await load.answered(DONE)
        rig.valkey.kill()
        for _ in range(10):
            await all_admit_in("postgres", *rig.proxies)
            await load.answered(DONE)

            rig.postgres.kill(signal.SIGQUIT)  # what `pg_ctl -m immediate` sends
            await asyncio.sleep(chance.random())
            await begin(rig.postgres)

            await load.answered(DONE)
        await begin(rig.valkey)
        await all_admit_in("redis", *rig.proxies)
        await load.answered(DONE)


@pytest.mark.usefixtures("full_only")
async def test_one_that_is_cut_off_does_not_count_beside_one_that_is_not(steadfast, chance):
    rig = steadfast
    wire, url = rig.own_redis_wire()
    apart, other = rig.make_proxy(REDIS_DOWN="postgres", REDIS_URL=url), rig.proxies[0]
    await begin(apart)
    rig.proxies[1].stop()
    usual, rig.proxies = rig.proxies[1], [other, apart]
    for _ in range(5):
        secrets, seen = little_money(rig, chance), []
        before = generations(rig)
        await spend(rig, secrets, seen, calls=4)
        await all_booked(rig, seen)
        wire.fault = Fault(drop=True)
        await all_admit_in(None, apart)
        await spend(rig, secrets, seen, calls=10)
        assert {one.status for one in seen[-10:] if one.proxy == apart.url} == {503}
        assert (mode(other), generations(rig)) == ("redis", before)
        await all_booked(rig, seen)

        await frozen(other, apart, rig, secrets, seen)

        wire.fault = SOUND
        wire.cut()
        await all_admit_in("redis", other, apart)
        assert generations(rig) == before + 2  # nobody had Redis; then they had it again
        await until_spent(rig, secrets, seen)
    apart.stop()
    rig.proxies = [other, usual]
    await begin(usual)


async def frozen(other, apart, rig, secrets, seen):
    """The one that has Redis is not heard of; the other goes on in PostgreSQL; then it is there again."""
    other.send(signal.SIGSTOP)
    await all_admit_in("postgres", apart)
    rig.proxies = [apart]
    await spend(rig, secrets, seen, calls=4)
    other.send(signal.SIGCONT)
    rig.proxies = [other, apart]
    await spend(rig, secrets, seen, calls=20)  # it may still think itself in Redis, and spend what it leased
