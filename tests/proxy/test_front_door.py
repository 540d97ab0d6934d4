import asyncio
import io
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web


@asynccontextmanager
async def served(handler):
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def portal():
    """A portal that says what reached it; `seen` are the requests."""
    seen = []

    async def answer(request):
        body = await request.read()
        seen.append((request.method, request.raw_path, request.headers, body))
        response = web.Response(text=f"{request.method} {request.raw_path} {len(body)}")
        response.headers["Set-Cookie"] = "session=1"
        response.headers["X-Of-Portal"] = "yes"
        return response

    async with served(answer) as port:
        yield type("Portal", (), {"url": f"http://127.0.0.1:{port}", "seen": seen, "port": port})


async def raw(url, data, *, timeout_s=20):
    """Send bytes as they are; gives all that comes back until the connection is closed."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    try:
        async with asyncio.timeout(timeout_s):
            return await reader.read()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    "path", ["/", "/usage?period=day&x=%2F", "/a%2Fb/%41?q=%20+", "/api/v1/keys", "/static/a.css"]
)
async def test_what_the_relay_does_not_serve_reaches_the_portal_as_it_was_asked(start_relay, portal, path):
    relay = await start_relay(portal_url=portal.url)

    answer = await raw(
        relay.url, f"GET {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n".encode()
    )

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Set-Cookie: session=1" in answer
    assert b"X-Of-Portal: yes" in answer
    method, raw_path, headers, _ = portal.seen[0]
    assert (method, raw_path) == ("GET", path)
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Host"] == "shop.example"
    assert headers["X-Forwarded-Proto"] == "http"


async def test_a_large_body_is_streamed_through(start_relay, portal):
    relay = await start_relay(portal_url=portal.url)

    async with relay.session.post(relay.url + "/upload", data=io.BytesIO(b"x" * 3_000_000)) as response:
        assert await response.text() == "POST /upload 3000000"


@pytest.mark.parametrize("trusted", [0, 1])
async def test_who_is_asking_is_believed_only_from_a_trusted_proxy(start_relay, portal, trusted):
    relay = await start_relay(portal_url=portal.url, trusted_proxies=trusted)
    claims = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

    await relay.session.get(relay.url + "/", headers=claims)

    headers = portal.seen[0][2]
    if trusted:
        assert headers["X-Forwarded-For"] == "6.6.6.6, 127.0.0.1"
        assert headers["X-Forwarded-Proto"] == "https"
    else:
        assert headers["X-Forwarded-For"] == "127.0.0.1"
        assert headers["X-Forwarded-Proto"] == "http"
        assert "evil" not in headers["X-Forwarded-Host"]


async def test_headers_of_one_connection_stay_on_it(start_relay, portal):
    relay = await start_relay(portal_url=portal.url)

    await relay.session.get(
        relay.url + "/",
        headers={"Connection": "X-Secret, keep-alive", "X-Secret": "1", "TE": "trailers", "X-Kept": "1"},
    )

    headers = portal.seen[0][2]
    assert "X-Secret" not in headers
    assert "TE" not in headers
    assert headers["X-Kept"] == "1"


@pytest.mark.parametrize(
    "target",
    [
        "x:@127.0.0.1:{port}/stolen",
        "@127.0.0.1:{port}/stolen",
        "http://127.0.0.1:{port}/stolen",
        ":{port}/x",
        "*",
    ],
)
async def test_a_request_line_cannot_choose_where_it_is_sent(start_relay, portal, target):
    other = []

    async def elsewhere(request):
        other.append(request.raw_path)
        return web.Response()

    async with served(elsewhere) as port:
        relay = await start_relay(portal_url=portal.url)
        line = f"GET {target.format(port=port)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await raw(relay.url, line.encode())

    assert other == []
    assert answer.split(b" ")[1] in {b"400", b"404"}


async def test_without_a_portal_an_unknown_address_is_not_found(start_relay):
    relay = await start_relay()

    async with relay.session.get(relay.url + "/nothing") as response:
        assert response.status == 404
        assert (await response.json())["error"]["type"] == "not_found_error"


async def test_a_portal_that_is_away_is_said_so(start_relay):
    async def answer(_request):
        return web.Response(text="here again")

    async with served(answer) as port:
        pass
    relay = await start_relay(portal_url=f"http://127.0.0.1:{port}")

    async with relay.session.get(relay.url + "/") as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "2"


@pytest.mark.parametrize("with_length", [True, False])
async def test_an_answer_of_the_portal_that_breaks_off_is_broken_off_for_the_client_too(
    start_relay, with_length
):
    async def half(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"} if with_length else {})
        await response.prepare(request)
        await response.write(b"the first half")
        request.transport.abort()
        return response

    async with served(half) as port:
        relay = await start_relay(portal_url=f"http://127.0.0.1:{port}")
        async with relay.session.get(relay.url + "/") as response:
            assert response.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


async def test_a_client_that_leaves_closes_its_request_at_the_portal(start_relay):
    begun, gone = asyncio.Event(), asyncio.Event()

    async def slow(request):
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            gone.set()
            raise

    async with served(slow) as port:
        relay = await start_relay(portal_url=f"http://127.0.0.1:{port}")
        asking = asyncio.create_task(relay.session.get(relay.url + "/"))
        await begun.wait()

        asking.cancel()

        async with asyncio.timeout(20):
            await gone.wait()


async def test_an_answer_that_cannot_be_read_is_said_so(start_relay):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        relay = await start_relay(portal_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with relay.session.get(f"{relay.url}/usage") as response:
            assert response.status == 503
            assert (await response.json())["error"]["code"] == 503
