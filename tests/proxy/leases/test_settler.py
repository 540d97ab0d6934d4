"""A settlement is sent until Redis has it, and kept until PostgreSQL has booked it."""

import asyncio
import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from core.charging import generations
from core.counters import requests
from core.ids import uuid7
from proxy.leases import settler as settlers
from proxy.leases.spool import Spool
from tests.core.charging.conftest import ending
from tests.proxy.conftest import until
from tests.proxy.leases.conftest import line

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def quick(monkeypatch):
    """Look more often than in life, where nothing is in a hurry."""
    monkeypatch.setattr(settlers, "LOOK_S", 0.05)


async def test_what_was_booked_is_forgotten_and_nothing_else(admitted, leases, counter):
    settler = leases.settler
    ends = [(await admitted())[1] for _ in range(2)]
    for end in ends:
        assert settler.write_down(end)
    await settler.send(ends[0])
    await settler.look()
    assert list(settler.spool.pending()) == ends
    counter.book()

    await settler.look()

    assert list(settler.spool.pending()) == ends[1:]
    await until(lambda: counter.pool()["held"] == 0)  # it was sent by the way


async def test_an_orphan_on_record_does_not_end_a_settlement(admitted, leases, counter):
    call, end = await admitted()
    leases.settler.write_down(end)
    counter.desk.book(counter.desk.entry(call, 0, rank=1, status=500, gen=leases.generations.current.gen))

    await leases.settler.look()

    assert list(leases.settler.spool.pending()) == [end]


async def test_what_redis_lost_before_it_was_booked_is_sent_again(admitted, leases, counter, monkeypatch):
    monkeypatch.setattr(settlers, "AGAIN_S", 0.0)
    _, end = await admitted()
    leases.settler.write_down(end)
    await leases.settler.send(end)
    counter.redis.delete(counter.keys.bucket.stream, counter.keys.bucket.tombstones)

    await leases.settler.look()

    await until(counter.events)
    counter.book()
    assert counter.usage() == [(2, 60, "done")]
    await leases.settler.look()
    assert list(leases.settler.spool.pending()) == []


async def test_what_is_on_its_way_to_postgresql_is_not_sent_over_and_over(admitted, leases, counter):
    _, end = await admitted()
    leases.settler.write_down(end)
    await leases.settler.send(end)
    calls = counter.redis.info("commandstats")["cmdstat_evalsha"]["calls"]

    for _ in range(5):
        await leases.settler.look()

    assert counter.redis.info("commandstats")["cmdstat_evalsha"]["calls"] == calls


async def test_a_loss_makes_it_send_again_at_once(admitted, leases, counter):
    _, end = await admitted()
    leases.settler.write_down(end)
    await leases.settler.send(end)
    counter.redis.delete(counter.keys.bucket.stream, counter.keys.bucket.tombstones)

    leases.settler.doubt()
    await leases.settler.look()

    await until(counter.events)


async def test_nothing_is_forgotten_while_postgresql_is_away(admitted, leases, counter):
    _, end = await admitted()
    leases.settler.write_down(end)
    await leases.settler.send(end)
    counter.book()
    counter.desk.run("ALTER TABLE usage_events RENAME TO usage_events_away")

    with capture_logs() as logs:
        await leases.settler.look()

    counter.desk.run("ALTER TABLE usage_events_away RENAME TO usage_events")
    assert [log["event"] for log in logs] == ["spool_not_checked"]
    assert list(leases.settler.spool.pending()) == [end]
    await leases.settler.look()
    assert list(leases.settler.spool.pending()) == []


async def test_the_oldest_generation_is_that_of_anything_not_booked(leases, tmp_path):
    assert leases.settler.oldest_gen() is None
    leases.settler.spool.append(line(gen="12:5"))
    leases.settler.spool.append(line(gen="7:5"))

    assert leases.settler.oldest_gen() == 7
    leases.settler.spool.forget({end.request_id.int for end in leases.settler.spool.pending()})


def left(settings, *ends):
    """A spool whose process is gone."""
    spool = Spool(Path(settings.spool_dir), uuid7())
    for end in ends:
        spool.append(end)
    os.close(spool._lock)
    return UUID(spool.directory.name), spool.directory


def seen(desk, boot_id):
    desk.run("INSERT INTO proxy_boots (boot_id, settled_gen) VALUES (:b, 0)", b=boot_id)


def ended(desk, boot_id):
    return desk.row("SELECT ended_at FROM proxy_boots WHERE boot_id = :b", b=boot_id)[0]


async def test_what_a_dead_boot_left_is_settled_in_its_name(settings, start, counter):
    first = await start()
    calls = [counter.call(100) for _ in range(3)]
    verdicts = [await first.gate.admit(call) for call in calls]
    boot_id, directory = left(
        settings,
        *(
            requests.ended(call, ending(n), gen=verdict.gen, hold_n=100)
            for n, (call, verdict) in enumerate(zip(calls, verdicts, strict=True))
        ),
    )
    seen(counter.desk, boot_id)
    await start(keep=True)
    await until(lambda: len(counter.events()) == 3)
    assert ended(counter.desk, boot_id) is None

    counter.book()

    await until(lambda: ended(counter.desk, boot_id))
    assert counter.usage() == [(2, 0, "done"), (2, 1, "done"), (2, 2, "done")]
    await until(lambda: not directory.exists())


async def test_a_process_that_dies_while_this_one_runs_is_found_too(settings, start, counter):
    leases = await start(keep=True)
    call = counter.call(100)
    verdict = await leases.gate.admit(call)

    boot_id, _ = left(settings, requests.ended(call, ending(9), gen=verdict.gen, hold_n=100))
    seen(counter.desk, boot_id)
    await until(counter.events)
    counter.book()

    await until(lambda: ended(counter.desk, boot_id))
    assert counter.usage() == [(2, 9, "done")]


async def test_a_dead_boot_without_lines_is_over_at_once(settings, start, counter):
    boot_id, directory = left(settings)
    seen(counter.desk, boot_id)

    await start(keep=True)

    await until(lambda: ended(counter.desk, boot_id))
    await until(lambda: not directory.exists())


async def test_what_another_left_counts_as_unsettled_here_until_it_is_booked(settings, start, counter):
    boot_id, _ = left(settings, line(gen="3:0"), line(gen="5:0"))
    seen(counter.desk, boot_id)

    leases = await start(keep=True)

    await until(lambda: leases.settler.oldest_gen() == 3)
    assert ended(counter.desk, boot_id) is None


async def test_what_a_stopping_process_did_not_finish_is_found_by_the_next(settings, start, counter):
    first = await start(keep=True)
    boot_id, _ = left(settings, line(gen="3:0"))
    await until(lambda: first.settler.oldest_gen() == 3)

    await start.stop(first)
    second = await start(keep=True)

    await until(lambda: second.settler.oldest_gen() == 3)
    assert [found.boot_id for found in second.settler._left] == [boot_id]


async def test_it_drains_what_is_booked_soon(admitted, leases, counter):
    _, end = await admitted()
    leases.settler.write_down(end)
    leases.settler.send(end)

    async def book():
        await until(counter.events)
        counter.book()

    booking = asyncio.create_task(book())

    assert await leases.settler.drained(within_s=5)
    await booking


async def test_what_is_booked_already_is_not_waited_for(admitted, leases, counter, monkeypatch):
    monkeypatch.setattr(settlers, "LOOK_S", 3600)
    _, end = await admitted()
    leases.settler.write_down(end)
    await leases.settler.send(end)
    counter.book()

    with capture_logs() as logs:
        drained = await leases.settler.drained(within_s=5)

    assert drained
    assert logs == []  # its time was not up


async def test_it_says_that_it_is_not_drained_when_nobody_books(admitted, leases, counter):
    _, end = await admitted()
    leases.settler.write_down(end)
    leases.settler.send(end)

    assert not await leases.settler.drained(within_s=0.2)
    assert len(counter.events()) == 1


async def test_it_does_not_remember_when_it_sent_what_is_done(admitted, leases, counter):
    for _ in range(3):
        _, end = await admitted()
        leases.settler.write_down(end)
        await leases.settler.send(end)
    stray = counter.call(100)
    await leases.settler.send(requests.ended(stray, ending(0), gen="1:0", hold_n=0))  # never spooled
    counter.book()

    await leases.settler.look()

    assert leases.settler.sender.arrived == {}


async def test_a_full_disk_is_looked_at_again(leases):
    leases.settler.spool.is_broken = True

    await leases.settler.look()

    assert not leases.settler.spool.is_broken


async def test_a_settlement_the_disk_did_not_take_is_said_to_be(leases):
    (leases.settler.spool.directory / "00000001.spool").symlink_to("/dev/full")

    with capture_logs() as logs:
        assert not leases.settler.write_down(line(request_id=uuid4()))

    assert [log["event"] for log in logs] == ["spool_not_written"]
    leases.settler.spool.forget({end.request_id.int for end in leases.settler.spool.pending()})


async def test_nobody_waits_for_what_a_boot_may_do_whose_spool_is_ours(leases, counter, settings):
    dead = uuid7()
    with counter.desk.engine.begin() as connection:
        generations.seen(connection, boot_id=dead, settled_gen=0, fingerprint="a")
    spool = Spool(Path(settings.spool_dir), dead)
    end = line(request_id=uuid7())
    spool.append(end)
    spool.close()

    leases.settler._adopt()
    await leases.settler.look()

    (boot,) = counter.desk.rows("SELECT fingerprint, ended_at FROM proxy_boots WHERE boot_id = :b", b=dead)
    assert tuple(boot) == (None, None)
    await leases.settler._finish({end.request_id.int})
