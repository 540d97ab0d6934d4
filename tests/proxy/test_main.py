"""The relay as a process: what kills, restarts and lost databases leave behind."""

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import create_engine, text

from core.db import driver_url
from tests.proxy.conftest import ask, chunks, until
from tests.proxy.test_clients import connect

ROOT = Path(__file__).parents[2]


@pytest.fixture
def slow(make, tiny):
    return make.offer("acme/slow", upstream_model="tiny+tokens=2000+delay=0.02")


async def streaming(process, caller, words=5, model="acme/slow"):
    """A client whose answer is under way."""
    client = connect(process, caller, ask(model, stream=True))
    seen = b""
    async with asyncio.timeout(20):
        while seen.count(b'"content"') < words:
            seen += await asyncio.get_running_loop().sock_recv(client, 4096)
    return client, seen


async def post(process, caller):
    """The status of one plain call."""
    headers = {"Authorization": f"Bearer {caller.secret}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(process.url + "/v1/chat/completions", json=ask(), headers=headers) as response,
    ):
        return response.status


async def test_a_relay_that_is_killed_leaves_a_hold_that_is_swept_at_what_was_checkpointed(
    start_process, slow, caller, books
):
    process = await start_process().ready()
    client, _ = await streaming(process, caller)
    metered_n = await until(
        lambda: next((int(hold["m"]) for hold in books.holds() if hold["m"] != "0"), None)
    )

    process.process.kill()
    process.process.wait()

    client.close()
    assert books.pool(caller)["held"] == int(books.holds()[0]["h"]) > 0
    assert books.sweep() == 1
    assert books.holds() == []
    assert books.pool(caller)["held"] == 0
    event = books.events()[0]
    assert event.reason == "orphaned"
    assert event.charge_n >= metered_n > 0
    assert books.charges() == [event.charge_n]


async def test_a_relay_that_is_told_to_end_settles_all_and_ends_in_time(start_process, slow, caller, books):
    process = await start_process(DRAIN_S="1").ready()
    client, _ = await streaming(process, caller)

    process.process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(process.process.wait, 20)

    client.close()
    assert code == 0
    assert books.holds() == []
    assert books.pool(caller)["held"] == 0
    (event,) = books.events()
    assert event.charge_n > 0
    assert event.output_tokens < 2000  # it was not waited for
    assert "Traceback" not in process.log.read_text()


async def test_a_relay_ends_soon_although_nobody_books_what_it_settled(start_process, tiny, caller, books):
    process = await start_process(DRAIN_S="600").ready()
    assert await post(process, caller) == 200

    process.process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(process.process.wait, 20)

    assert code == 0
    assert books.holds() == []
    assert len(books.charges()) == 1


async def test_a_short_call_is_finished_before_a_relay_ends(start_process, tiny, make, caller, books):
    make.offer("acme/short", upstream_model="tiny+tokens=30+delay=0.02")
    process = await start_process(DRAIN_S="10").ready()
    client, seen = await streaming(process, caller, model="acme/short", words=2)

    process.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        while b"[DONE]" not in seen and (more := await asyncio.get_running_loop().sock_recv(client, 4096)):
            seen += more

    client.close()
    assert seen.count(b"data: [DONE]") == 1
    assert await asyncio.to_thread(process.process.wait, 5) == 0
    assert books.events()[0].reason == "done"


async def test_two_relays_share_a_port(start_process, tiny, caller, books):
    first = await start_process().ready()
    second = start_process(port=first.port)
    await until(lambda: first.log.read_text().count("proxy_listening") == 2, timeout_s=20)

    assert set(await asyncio.gather(*(post(first, caller) for _ in range(20)))) == {200}
    first.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(first.process.wait, 10)
    assert second.process.poll() is None
    assert await post(first, caller) == 200
    assert len(books.charges()) == 21


async def test_a_database_that_drops_its_connections_under_load_makes_no_wrong_bill(
    start_process, tiny, make, caller, books
):
    make.offer("acme/brief", upstream_model="tiny+tokens=20+delay=0.01")
    process = await start_process().ready()
    admin = create_engine(driver_url(books.db.get_bind().url), isolation_level="AUTOCOMMIT")
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%wallets%'"
    )
    books.db.close()
    answers = []

    async def caller_loop(session, number):
        for _ in range(8):
            body = ask("acme/brief", stream=number % 2 == 0)
            headers = {"Authorization": f"Bearer {caller.secret}"}
            async with session.post(
                process.url + "/v1/chat/completions", json=body, headers=headers
            ) as response:
                answers.append((response.status, response.headers.get("Retry-After"), await response.text()))

    async with aiohttp.ClientSession() as session:
        callers = asyncio.gather(*(caller_loop(session, number) for number in range(6)))
        with admin.connect() as connection:
            while not callers.done():
                connection.execute(kill)
                await asyncio.sleep(0.1)
        await callers

    admin.dispose()
    assert {(status, after) for status, after, _ in answers} <= {(200, None), (503, "5")}
    good = [body for status, _, body in answers if status == 200]
    assert good
    assert [body for body in good if body.startswith("data:") and chunks(body)[-1]["choices"]] == []
    await until(lambda: len([e for e in books.events() if e.status == 200]) == len(good))
    assert len(books.charges()) == len(good)


async def test_a_setting_that_makes_no_sense_is_named_and_nothing_starts(start_process):
    process = start_process(KEY_PEPPER="short")

    assert await asyncio.to_thread(process.process.wait, 10) == 1
    assert "KEY_PEPPER" in process.log.read_text()
