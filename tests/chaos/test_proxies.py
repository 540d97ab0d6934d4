"""Proxies that are killed, frozen and replaced while they serve."""

import asyncio
import signal

from tests.chaos.auditor import FINAL
from tests.chaos.load import LONG, LONGEST, Load
from tests.chaos.processes import READY_S, until
from tests.chaos.rig import ENDED_S, HOLD_S, begin
from tests.chaos.wire import SOUND, Fault

SETTLEMENT = b"$5\r\nfinal\r\n"  # a word of every final settlement on its way to Redis


async def test_no_call_is_lost_or_charged_twice_when_proxies_are_killed_in_mid_stream(rig, chance, size):
    async with Load(rig, 12, chance=chance, mix=size(LONG, LONGEST)) as load:
        for _ in range(size(3, 200)):
            proxy = chance.choice(rig.proxies)
            await proxy.ready()
            await load.flowing(proxy)
            await asyncio.sleep(size(0, 5) * chance.random())

            proxy.kill()

            proxy.start()
        await asyncio.gather(*(proxy.ready() for proxy in rig.proxies))
        await load.answered(5)

    assert [seen for seen in load.seen if seen.status == 200 and not seen.is_complete]


async def test_a_frozen_proxy_whose_calls_were_swept_books_them_once_when_it_thaws(rig, chance, size):
    swept = set()
    async with Load(rig, 6, chance=chance, mix=LONG) as load:
        for _ in range(size(1, 10)):
            proxy = chance.choice(rig.proxies)
            await load.flowing(proxy)

            before = orphans(rig)
            proxy.send(signal.SIGSTOP)
            await asyncio.sleep(HOLD_S + 2)
            await until(lambda before=before: orphans(rig) - before, within_s=ENDED_S)
            swept |= orphans(rig) - before
            proxy.send(signal.SIGCONT)

            await load.flowing(proxy)

    assert swept
    await until(lambda: not swept & orphans(rig), within_s=ENDED_S)


async def test_what_only_the_spool_knows_is_settled_by_the_next_life(rig, chance, size):
    wire, url = rig.own_redis_wire()
    proxy = rig.make_proxy(REDIS_URL=url)
    await begin(proxy)
    rig.proxies.append(proxy)
    async with Load(rig, 12, chance=chance) as load:
        for _ in range(size(1, 100)):
            await load.flowing(proxy)
            lost, wire.fault = wire.lost, Fault(deaf_to=SETTLEMENT)
            await until(lambda lost=lost: wire.lost > lost, within_s=30)

            proxy.kill()  # its disk has how the call ended, Redis has not

            wire.fault = SOUND
            await begin(proxy)
        await load.answered(5)
    rig.proxies.remove(proxy)
    proxy.stop()


def orphans(rig):
    """The calls that were settled without their proxy."""
    return {name for name, row in rig.usage().items() if row["rank"] != FINAL}


async def test_a_rolling_restart_settles_everything_and_ends_in_time(rig, chance, size):
    codes = []
    async with Load(rig, 8, chance=chance, mix=LONG) as load:
        for number in range(size(1, 20)):
            proxy = rig.proxies[number % len(rig.proxies)]
            await load.flowing(proxy)

            proxy.send(signal.SIGTERM)
            codes.append(await proxy.ended(within_s=READY_S))

            await begin(proxy)

    assert set(codes) == {0}
