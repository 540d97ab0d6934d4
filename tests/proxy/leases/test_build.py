"""The parts put together: ready or not, and nothing left behind at the end."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.charging.calls import Admitted
from tests.core.charging.conftest import ending
from tests.proxy.conftest import until
from tests.proxy.leases.conftest import behind


@pytest.fixture
def spooled(settings):
    """What lies where spools are."""
    return lambda: [path.suffix for path in Path(settings.spool_dir).rglob("*") if path.name != "lock"]


def boot(desk, leases):
    return desk.row("SELECT * FROM proxy_boots WHERE boot_id = :b", b=leases.boot_id)


async def test_it_is_ready_once_it_is_open(leases):
    assert leases.fault() is None


async def test_it_is_not_ready_while_redis_was_never_there(start, counter):
    leases = await start(counters_url="redis://127.0.0.1:1/0")

    assert leases.fault() == "redis unreachable"


async def test_everything_that_must_run_is_told(leases):
    names = {work.__qualname__ for work in leases.background}

    assert names == {
        "Generations.keep",
        "Settler.keep",
        "Spool.keep_synced",
        "Trips.keep_writing",
        "GlobalBreaker.keep",
    }


async def test_a_proxy_that_ends_in_order_is_waited_for_by_nobody(start, counter, spooled):
    leases = await start(keep=True)
    call = counter.call(100)
    verdict = await leases.gate.admit(call)
    leases.gate.settle_now(call, verdict, ending(60), hold_n=100)
    await until(counter.events)
    counter.book()

    await leases.drained(within_s=5)

    assert boot(counter.desk, leases).ended_at is not None
    await start.stop(leases)
    assert spooled() == []


async def test_a_proxy_that_leaves_settlements_is_waited_for(start, counter, spooled):
    leases = await start()
    call = counter.call(100)
    verdict = await leases.gate.admit(call)
    leases.gate.settle_now(call, verdict, ending(60), hold_n=100)
    await until(counter.events)

    await leases.drained(within_s=0.2)

    assert boot(counter.desk, leases).ended_at is None
    await start.stop(leases)
    assert spooled() == ["", ".spool"]


async def test_it_drains_what_was_given_up_too(start, server, wire, far):
    leases = await start(counters_url=behind(wire, server), keep=True)
    await leases.gate.admit(far.call(100))
    wire.deaf = True
    call = far.call(100)
    admission = asyncio.create_task(leases.gate.admit(call))
    await until(lambda: far.hold(call))
    await asyncio.wait([admission])
    admission.exception()
    wire.cut()
    wire.deaf = False

    await leases.drained(within_s=5)

    assert far.tombstone(call)
    assert boot(far.desk, leases).ended_at is not None


async def test_an_end_that_postgresql_does_not_hear_of_is_said(start, counter):
    leases = await start()
    counter.desk.run("ALTER TABLE proxy_boots RENAME TO proxy_boots_away")

    try:
        with capture_logs() as logs:
            await leases.drained(within_s=1)
    finally:
        counter.desk.run("ALTER TABLE proxy_boots_away RENAME TO proxy_boots")

    assert [log["event"] for log in logs] == ["boot_not_ended"]


@pytest.mark.parametrize("times", [3])
async def test_it_starts_and_ends_over_and_over_in_one_place(start, counter, spooled, times):
    for _ in range(times):
        leases = await start(keep=True)
        assert isinstance(await leases.gate.admit(counter.call(10)), Admitted)
        await leases.drained(within_s=1)
        await start.stop(leases)

    assert spooled() == []
    assert counter.desk.row("SELECT count(*) FROM generations")[0] == 1


async def test_nothing_is_under_way_any_more_when_it_is_closed(start, counter):
    """Else a connection is dropped with whoever still reads from it."""
    leases = await start()
    renewal = asyncio.create_task(leases.generations.renew())
    lease = asyncio.create_task(
        leases.lender.lend(counter.desk.caller(), leases.generations.current, want_n=10)
    )
    await asyncio.sleep(0)
    for task in (renewal, lease):
        task.cancel()

    await leases.lender.close()
    await leases.generations.close()

    assert leases.engine.pool.checkedout() == 0
    assert counter.pool()["granted"] == 50
