"""Ledger processes that die at any moment, beside one that does not."""

import asyncio

from tests.chaos.load import Load
from tests.chaos.processes import until
from tests.chaos.rig import begin
from tests.chaos.wire import SOUND, Fault


async def test_nothing_is_booked_twice_when_ledger_processes_are_killed_at_random_moments(rig, chance, size):
    spare = rig.make_ledger()
    await begin(spare)
    async with Load(rig, 8, chance=chance) as load:
        for number in range(size(2, 200)):
            ledger = (rig.ledgers[0], spare)[number % 2]
            await ledger.ready()
            if number % 10 == 9:  # somebody must have calls to leave behind
                proxy = chance.choice(rig.proxies)
                proxy.kill()
                await begin(proxy)
            await asyncio.sleep(chance.random())

            ledger.kill()

            ledger.start()
        await load.answered(5)
        await rig.ledgers[0].ready()
    spare.stop()


async def test_what_was_booked_and_not_yet_removed_is_booked_once(rig, chance, size):
    wire, url = rig.own_redis_wire()
    ledger = rig.make_ledger(REDIS_URL=url)
    rig.ledgers[0].stop()
    async with Load(rig, 8, chance=chance) as load:
        for _ in range(size(1, 200)):
            lost, wire.fault = wire.lost, Fault(deaf_to=b"XDEL")
            await begin(ledger)
            await until(lambda lost=lost: wire.lost > lost, within_s=30)

            ledger.kill()  # PostgreSQL has the batch, Redis has it still

            wire.fault = SOUND
        await load.answered(5)
    await begin(rig.ledgers[0])
