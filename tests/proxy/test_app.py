import asyncio

import aiohttp
from aiohttp import web

from core.db import async_engine
from proxy import app as module
from proxy.app import build_app, serving
from proxy.deps import DEPS
from tests.proxy.conftest import Relay, ask, until


async def test_the_relay_is_live_and_ready(relay):
    for path in ("/healthz", "/readyz"):
        async with relay.session.get(relay.url + path) as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_without_its_database_it_is_live_but_not_ready(relay):
    engine = relay.deps.engine
    object.__setattr__(relay.deps, "engine", async_engine("postgresql://nobody@127.0.0.1:1/none"))

    answers = [(await relay.session.get(relay.url + path)).status for path in ("/healthz", "/readyz")]

    object.__setattr__(relay.deps, "engine", engine)
    assert answers == [200, 503]


async def test_what_was_refused_last_is_written_before_it_ends(settings, tiny, caller, books):
    app = build_app(settings)
    async with serving(app, shutdown_timeout=1) as runner, aiohttp.ClientSession() as session:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        relay = Relay(f"http://127.0.0.1:{runner.addresses[0][1]}", app[DEPS], session)
        async with relay.post(caller.secret, ask("acme/none")) as response:
            assert response.status == 404

    assert [row.status for row in books.events()] == [404]


async def test_the_list_of_models_is_only_read(relay):
    for path in ("/api/v1/models", "/v1/models"):
        async with relay.session.post(relay.url + path) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "GET"


async def test_background_work_goes_on_after_a_fault_nobody_thought_of(monkeypatch, capsys):
    monkeypatch.setattr(module, "RESTART_S", 0)
    runs = []

    async def work():
        runs.append(len(runs))
        if len(runs) == 1:
            raise KeyError("a fault")
        await asyncio.Event().wait()

    task = asyncio.create_task(module.kept_up(work))
    await until(lambda: len(runs) == 2)
    task.cancel()

    assert "background_work_failed" in capsys.readouterr().out
