"""Settlements reach Redis, once, whatever is between."""

import asyncio

from structlog.testing import capture_logs

from core.counters import requests
from tests.core.charging.conftest import ending
from tests.proxy.conftest import until
from tests.proxy.leases.conftest import behind


async def test_a_settlement_on_its_way_is_not_sent_twice(admitted, leases, counter):
    _, end = await admitted()

    tasks = [leases.settler.send(end) for _ in range(3)]

    assert len(set(tasks)) == 1
    assert await asyncio.gather(*tasks) == [60, 60, 60]
    assert len(counter.events()) == 1


async def test_a_settlement_sent_again_is_charged_once(admitted, leases, counter):
    _, end = await admitted()

    charges = [await leases.settler.send(end) for _ in range(3)]

    counter.book()
    assert charges == [60, 60, 60]
    assert counter.usage() == [(2, 60, "done")]
    assert counter.desk.wallet()[0] == 940


async def test_settlements_wait_for_redis(far, server, wire, start):
    """Redis does not answer for a while, and its connections are gone: nobody gives up."""
    leases = await start(counters_url=behind(wire, server), keep=True)
    calls = [far.call(100) for _ in range(5)]
    verdicts = [await leases.gate.admit(call) for call in calls]
    wire.deaf = True
    wire.cut()
    tasks = []
    for call, verdict in zip(calls, verdicts, strict=True):
        end = requests.ended(call, ending(60), gen=verdict.gen, hold_n=100)
        leases.settler.write_down(end)
        tasks.append(leases.settler.send(end))
    done, _ = await asyncio.wait(tasks, timeout=0.3)
    assert not done

    wire.deaf = False

    assert await asyncio.gather(*tasks) == [60] * 5
    far.book()
    assert far.usage() == [(2, 60, "done")] * 5
    assert far.pool()["held"] == 0


async def test_a_reply_that_was_lost_costs_nobody_anything(far, server, wire, start):
    leases = await start(counters_url=behind(wire, server), keep=True)
    call, before = far.call(100), far.call(100)
    await leases.settler.send(
        requests.ended(before, ending(0), gen="1:0", hold_n=0)
    )  # the script is known there
    verdict = await leases.gate.admit(call)
    wire.deaf = True  # what is sent arrives
    task = leases.settler.send(requests.ended(call, ending(60), gen=verdict.gen, hold_n=100))
    await until(lambda: far.tombstone(call))

    wire.cut()
    wire.deaf = False

    assert await task == 60
    assert [event["a"] for event in far.events()] == ["0", "60"]
    assert far.pool() == {
        "free": 340,
        "held": 0,
        "spent": 60,
        "granted": 400,
        "seq": 1,
    }


async def test_a_settlement_redis_will_not_take_is_an_alarm_and_stays(admitted, leases, counter):
    _, end = await admitted()
    odd = requests.Settlement(
        **{name: getattr(end, name) for name in end.__struct_fields__} | {"charge_n": -1}
    )

    with capture_logs() as logs:
        task = leases.settler.send(odd)
        await until(lambda: [log for log in logs if log["event"] == "settlement_refused"])

    assert not task.done()
    assert counter.events() == []
    leases.settler.sender.close()
    leases.settler.sender.underway.clear()
    await leases.settler.send(end)
