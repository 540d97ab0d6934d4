"""PostgreSQL that crashes, and connections to it that break when nobody knows what was committed."""

import asyncio
import signal

from tests.chaos.load import MIXED, Load
from tests.chaos.processes import until
from tests.chaos.rig import begin
from tests.chaos.wire import SOUND, Fault

DONE = 5  # answers that show that all is well again


async def test_postgres_may_crash_and_recover(rig, chance, size):
    async with Load(rig, 10, chance=chance, mix=MIXED) as load:
        for _ in range(size(1, 50)):
            await load.answered(DONE)

            rig.postgres.kill(signal.SIGQUIT)  # what `pg_ctl -m immediate` sends
            await asyncio.sleep(chance.random())
            await begin(rig.postgres)

            await load.answered(DONE)


async def test_nobody_needs_to_know_whether_a_commit_went_through(rig, chance, size):
    wire = rig.postgres_wire
    lost = wire.lost + size(5, 500)
    async with Load(rig, 10, chance=chance, mix=MIXED) as load:
        await load.answered(DONE)

        wire.fault = Fault(lose=0.1)
        await until(lambda: wire.lost >= lost, within_s=lost * 10)
        wire.fault = SOUND

        await load.answered(DONE)
