"""PostgreSQL that crashes, and connections to it that break when nobody knows what was committed."""

import asyncio
import signal

import pytest

from tests.chaos.load import Load
from tests.chaos.rig import begin
from tests.chaos.wire import SOUND, Fault

pytestmark = pytest.mark.xdist_group("chaos")
DONE = 10


async def test_postgres_may_crash_and_recover(rig, chance, size):
    async with Load(rig, 8, chance=chance) as load:
        for _ in range(size(2, 50)):
            await load.answered(DONE)

            rig.postgres.kill(signal.SIGQUIT)  # what `pg_ctl -m immediate` sends
            await asyncio.sleep(chance.random())
            await begin(rig.postgres)

            await load.answered(DONE)


async def test_nobody_needs_to_know_whether_a_commit_went_through(rig, chance, size):
    rig.postgres_wire.lost = 0
    async with Load(rig, 8, chance=chance) as load:
        await load.answered(DONE)

        rig.postgres_wire.fault = Fault(lose=0.02)
        await load.answered(size(40, 2000))
        rig.postgres_wire.fault = SOUND

        await load.answered(DONE)

    assert rig.postgres_wire.lost
