"""A relay on a real port, a simulator as its provider, both in this process, over real HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from core.config import Settings
from core.models import ApiKey, User
from proxy.app import build_app
from proxy.deps import DEPS, Deps
from simulator.server import running
from simulator.settings import Settings as SimulatorSettings


@dataclass
class Relay:
    """A running relay and how to call it."""

    url: str
    deps: Deps
    session: aiohttp.ClientSession

    def post(self, secret: str | None, body: Any = None, **options: Any) -> Any:
        """POST a chat call; `body` is a document, or bytes as they are."""
        headers = {"Authorization": f"Bearer {secret}"} if secret is not None else {}
        headers |= options.pop("headers", {})
        if isinstance(body, bytes):
            options["data"] = body
        else:
            options["json"] = body
        path = options.pop("path", "/api/v1/chat/completions")
        return self.session.post(self.url + path, headers=headers, **options)


def ask(model: str = "acme/tiny", text: str = "Say something pleasant.", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


@pytest.fixture
async def simulator(tmp_path) -> AsyncIterator[Any]:
    async with running(SimulatorSettings(truth_log=tmp_path / "truth.jsonl", hang_s=30)) as started:
        yield started


@pytest.fixture
async def start_relay(settings: Settings) -> AsyncIterator[Callable[..., Awaitable[Relay]]]:
    """Starts relays; each is stopped, and so drained, at the end of the test."""
    runners: list[web.AppRunner] = []
    sessions: list[aiohttp.ClientSession] = []

    async def start(**changes: Any) -> Relay:
        app = build_app(replace(settings, **changes))
        runner = web.AppRunner(app, handler_cancellation=True, auto_decompress=False, shutdown_timeout=1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        sessions.append(session)
        port = runner.addresses[0][1]
        return Relay(f"http://127.0.0.1:{port}", app[DEPS], session)

    yield start
    for session in sessions:
        await session.close()
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def relay(start_relay: Callable[..., Awaitable[Relay]], tiny: Any) -> Relay:
    return await start_relay()


@pytest.fixture
def tiny(make: Any, simulator: Any) -> Any:
    """`acme/tiny` at USD 0.15 in and 0.60 out per 1M tokens, served by the simulator."""
    make.provider("acme", base_url=simulator.api_base)
    return make.offer()


@dataclass
class Caller:
    """Somebody with credits and a key."""

    user: User
    key: ApiKey
    secret: str


@pytest.fixture
def caller(make: Any) -> Caller:
    user = make.user(credits_usd="10")
    key = make.key(user)
    return Caller(user, key, make.secrets[key.id])
