"""Ledger processes that die at any moment, beside one that does not."""

import asyncio

import pytest

from tests.chaos.load import Load
from tests.chaos.rig import begin

pytestmark = pytest.mark.xdist_group("chaos")


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
