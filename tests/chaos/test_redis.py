"""Redis that dies, forgets, falls back and does not answer. Whatever it loses, no money may be lost with it."""

import asyncio
from contextlib import closing

import pytest

from tests.chaos.crowd import EXPECTED, MONEY_USD, rush, served, until_spent
from tests.chaos.load import MIXED, Load
from tests.chaos.processes import until
from tests.chaos.rig import HOLD_S, begin
from tests.chaos.wire import SOUND, Fault, Wire

DONE = 5  # answers that show that all is well again


@pytest.mark.parametrize("aof", [True, False], ids=["with what it wrote down", "empty"])
async def test_redis_may_be_killed_and_come_back(rig, chance, size, aof):
    if not size(aof, True):
        pytest.skip("part of --chaos-full only")
    async with Load(rig, 10, chance=chance, mix=MIXED) as load:
        for _ in range(size(1, 20)):
            await load.answered(DONE)

            rig.valkey.kill()
            if not aof:
                rig.forget_redis()
            await asyncio.sleep(chance.random())
            await begin(rig.valkey)

            await load.answered(DONE)


async def test_redis_may_forget_everything_and_live_on(rig, chance, size):
    async with Load(rig, 10, chance=chance, mix=MIXED) as load:
        for _ in range(size(2, 50)):
            await load.answered(DONE)

            with closing(rig.redis()) as redis:
                redis.flushall()

            await load.answered(DONE)


async def test_a_stale_replica_may_take_over(rig, chance, size):
    for _ in range(size(1, 10)):
        service, replica = rig.make_valkey("replica")
        link = Wire(rig.valkey_service.port, chance=chance)
        await begin(replica)
        await follow(rig, service, link)
        async with Load(rig, 10, chance=chance, mix=MIXED) as load:
            await load.answered(DONE)
            link.fault = Fault(drop=True)
            await load.answered(DONE)

            old = rig.promote(service, replica)

            await load.answered(DONE)
        old.kill()
        link.close()


@pytest.mark.usefixtures("full_only")
async def test_a_proxy_that_comes_back_late_knows_more_than_a_stale_replica(rig, chance):
    for _ in range(5):
        service, replica = rig.make_valkey("replica")
        link = Wire(rig.valkey_service.port, chance=chance)
        await begin(replica)
        await follow(rig, service, link)
        async with Load(rig, 10, chance=chance, mix=MIXED) as load:
            await load.answered(DONE)
            rig.ledgers[0].kill()
            link.fault = Fault(drop=True)
            await load.answered(4 * DONE)
        await asyncio.sleep(1)  # all who were left in mid-call have settled: in the old primary, and on disk
        for proxy in rig.proxies:
            proxy.kill()

        rig.promote(service, replica).kill()
        link.close()
        await begin(rig.ledgers[0])
        await asyncio.sleep(
            HOLD_S + 3
        )  # what ran when the link was cut runs on in the replica, until it is swept

        await begin(*rig.proxies)


@pytest.mark.usefixtures("full_only")
async def test_an_old_primary_that_lives_on_spends_nothing_twice(rig, chance):
    for _ in range(5):
        wire, url = rig.own_redis_wire()
        lonely = rig.make_proxy(REDIS_URL=url)
        service, replica = rig.make_valkey("replica")
        link = Wire(rig.valkey_service.port, chance=chance)
        await begin(lonely, replica)
        await follow(rig, service, link)
        rig.proxies.append(lonely)
        user = rig.accounts.user(MONEY_USD)
        secrets = [rig.accounts.key(user)[1] for _ in range(3)]
        seen = await rush(rig, secrets, calls=3)  # there is a lease of this wallet in the primary
        link.fault = Fault(drop=True)

        old = rig.promote(service, replica)  # for all but the lonely one

        seen += await rush(rig, secrets, calls=60)
        seen += await rush(rig, secrets, calls=60)
        assert not served(seen) - EXPECTED
        wire.repoint(service.port)
        old.kill()
        link.close()
        await until_spent(rig, secrets, seen)
        rig.proxies.remove(lonely)
        lonely.stop()


async def follow(rig, service, link):
    """Make a server a replica of the present one, over a wire, and wait until it has caught up."""
    password = service.password
    with closing(rig.redis()) as primary:
        primary.config_set("repl-diskless-sync-delay", 0)
    with closing(rig.redis(service)) as replica:
        replica.config_set("masterauth", password)
        replica.replicaof("127.0.0.1", link.port)
        await until(lambda: replica.info("replication")["master_link_status"] == "up", within_s=20)


async def test_replies_of_redis_may_get_lost(rig, chance, size):
    wire = rig.redis_wire
    lost = wire.lost + size(5, 300)
    async with Load(rig, 10, chance=chance, mix=MIXED) as load:
        await load.answered(DONE)

        wire.fault = Fault(lose=0.05, silently=0.5)
        await until(lambda: wire.lost >= lost, within_s=lost * 10)
        wire.fault = SOUND

        await load.answered(DONE)


FAULTS = {"silent": Fault(drop=True), "slow": Fault(delay_s=0.4), "half open": Fault(half_open=True)}


@pytest.mark.usefixtures("full_only")
@pytest.mark.parametrize("fault", FAULTS)
async def test_redis_may_be_unwell(rig, chance, fault):
    async with Load(rig, 10, chance=chance, mix=MIXED) as load:
        for _ in range(5):
            await load.answered(DONE)

            rig.redis_wire.fault = FAULTS[fault]
            await asyncio.sleep(2 * chance.random())
            rig.redis_wire.fault = SOUND
            rig.redis_wire.cut()

            await load.answered(DONE)
