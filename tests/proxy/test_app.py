import aiohttp
from aiohttp import web

from core.db import async_engine
from proxy.app import build_app
from proxy.deps import DEPS
from tests.proxy.conftest import Relay, ask


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
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        relay = Relay(f"http://127.0.0.1:{runner.addresses[0][1]}", app[DEPS], session)
        async with relay.post(caller.secret, ask("acme/none")) as response:
            assert response.status == 404
    await runner.cleanup()

    assert [row.status for row in books.events()] == [404]


async def test_the_list_of_models_is_only_read(relay):
    for path in ("/api/v1/models", "/v1/models"):
        async with relay.session.post(relay.url + path) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "GET"
