"""Providers of a test's own, of one model, each at a price of its own."""

from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from tests.proxy.own_provider import OwnProvider


@pytest.fixture
async def start_provider(make):
    """Starts a provider that offers a model at so many dollars per million tokens, in and out."""
    async with AsyncExitStack() as started:

        async def start(name, *, usd="1", model="own/model"):
            own = OwnProvider()
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", own.handle)
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
            await runner.setup()
            started.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            own.api_base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
            make.provider(name, base_url=own.api_base)
            prices = {"input": usd, "output": usd}
            make.offer(model, provider=name, upstream_model=f"{name}-model", prices=prices)
            return own

        yield start


@pytest.fixture
async def cheap(start_provider):
    """Offers `own/model` at USD 1: asked first."""
    return await start_provider("cheap", usd="1")


@pytest.fixture
async def dear(start_provider):
    """Offers `own/model` at USD 2."""
    return await start_provider("dear", usd="2")
