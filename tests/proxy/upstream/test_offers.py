import asyncio

import pytest
from aiohttp import web

from core.models import Provider
from tests.proxy.conftest import ask, until
from tests.proxy.own_provider import WHOLE, delta, stream_of


@pytest.fixture
async def two_offers(start_relay, make, simulator, provider):
    """`own/model` through `own`, the dearer, and through `acme`, the cheaper, which is asked first."""
    make.provider("acme", base_url=simulator.api_base)

    async def start(directives, **changes):
        prices = {"input": "0.1", "output": "0.2"}
        make.offer("own/model", provider="acme", upstream_model=f"tiny+{directives}", prices=prices)
        return await start_relay(first_byte_timeout_s=0.5, plain_timeout_s=0.5, **changes)

    return start


@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_offer_serves_when_the_first_fails_before_a_byte(
    two_offers, make, provider, caller, books, stream
):
    relay = await two_offers("refuse")
    provider.answer = stream_of(delta("Hi.", "stop"), b"data: [DONE]\n\n") if stream else None

    for directives in (
        "refuse",
        "hang",
        "status=429",
        "status=500",
        "status=503",
        "status=401",
        "redirect",
        "gzip_bomb",
    ):
        make.offer(
            "own/model",
            provider="acme",
            upstream_model=f"tiny+{directives}",
            prices={"input": "0.1", "output": "0.2"},
        )
        await relay.deps.catalog.refresh()

        response = await relay.post(caller.secret, ask("own/model", stream=stream))
        await response.read()

        assert (response.status, response.headers["X-Provider"]) == (200, "own"), directives
    rows = books.events()
    assert {row.provider for row in rows} == {"own"}
    if not stream:
        assert {row.upstream_n for row in rows} == {10 * 1000 + 2 * 2000}  # at the price of who served it


async def test_a_mistake_of_the_client_is_not_tried_elsewhere(two_offers, provider, caller):
    for status in (400, 413, 422):
        relay = await two_offers(f"status={status}")

        response = await relay.post(caller.secret, ask("own/model"))

        assert response.status == (413 if status == 413 else 400)
        assert response.headers["X-Provider"] == "acme"
    assert provider.received == []


async def test_when_all_fail_the_last_is_named(two_offers, provider, caller, books):
    async def broken(_request):
        return web.Response(status=500)

    provider.answer = broken
    relay = await two_offers("status=503")

    response = await relay.post(caller.secret, ask("own/model"))
    error = (await response.json())["error"]

    assert response.status == 502
    assert response.headers["X-Provider"] == error["metadata"]["provider_name"] == "own"
    assert "acme: status 503; own: status 500" in error["metadata"]["reason"]
    await until(lambda: books.holds() == [])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": {"message": "temperature is too high"}}', "temperature is too high"),
        (b'{"error": "plain words"}', "plain words"),
        (
            b'{"error": {"message": "your key own-upstream-credential, or sk-abcdef123456"}}',
            "your key [removed], or [removed]",
        ),
        (b"[" * 60_000, "status 400"),
        (b"<html>", "status 400"),
        (b"[]", "status 400"),
        (b'{"error": null}', "status 400"),
        (b"\xff", "status 400"),
    ],
)
async def test_the_providers_reason_is_told_cleaned(start_relay, provider, caller, body, told):
    async def refuse(_request):
        return web.Response(status=400, body=body)

    provider.answer = refuse
    relay = await start_relay()

    response = await relay.post(caller.secret, ask("own/model"))
    message = (await response.json())["error"]["message"]

    assert response.status == 400
    assert message == f"The provider own refused the request: {told}"


async def test_a_provider_that_may_not_be_private_is_not_reached_by_a_name(
    start_relay, make, provider, caller, db
):
    row = db.query(Provider).filter_by(name="own").one()
    row.allow_private, row.base_url = False, provider.api_base.replace("127.0.0.1", "localhost")
    db.commit()
    relay = await start_relay()

    response = await relay.post(caller.secret, ask("own/model"))

    assert response.status == 502
    assert provider.received == []


async def test_connections_are_kept_between_calls_and_cookies_are_not(start_relay, provider, caller):
    peers = []

    async def answer(request):
        peers.append(request.transport.get_extra_info("peername"))
        response = web.json_response(WHOLE)
        response.set_cookie("tenant", "one")
        return response

    provider.answer = answer
    relay = await start_relay()

    for _ in range(3):
        await (await relay.post(caller.secret, ask("own/model"))).read()

    assert len(set(peers)) == 1
    assert all("Cookie" not in headers for headers, _ in provider.received)


async def test_a_provider_that_accepts_and_says_nothing_is_given_up(start_relay, make, caller):
    async def silent(_reader, writer):
        await over.wait()
        writer.close()
        await writer.wait_closed()

    over = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    make.provider("mute", base_url=f"http://127.0.0.1:{port}/v1")
    make.offer("mute/model", provider="mute")
    relay = await start_relay(first_byte_timeout_s=0.3, plain_timeout_s=0.3)

    response = await relay.post(caller.secret, ask("mute/model"))

    assert response.status == 502
    assert "no answer in time" in (await response.json())["error"]["metadata"]["reason"]
    over.set()
    server.close()
    await server.wait_closed()
