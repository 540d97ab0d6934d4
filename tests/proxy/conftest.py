"""A relay on a real port, a simulator as its provider, both in this process, over real HTTP."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis import Redis
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.config import Settings
from core.counters import requests
from core.counters.client import Counters
from core.counters.keys import wallet_keys
from core.db import driver_url
from core.models import ApiKey, LedgerEntry, Org, UsageEvent, User, Wallet
from dev.ports import free_port
from proxy.app import build_app, serving
from proxy.deps import DEPS, Deps
from simulator.server import running
from simulator.settings import Settings as SimulatorSettings
from tests.proxy.own_provider import OwnProvider
from tests.proxy.processes import Process
from worker.drain import Drain
from worker.leases import LeaseKeeper
from worker.streams import RedisStreams


@dataclass
class Relay:
    """A running relay and how to call it."""

    url: str
    deps: Deps
    session: aiohttp.ClientSession

    def post(self, secret: str | None, body: Any = None, **options: Any) -> "Posted":
        """POST a chat call; `body` is a document, or bytes as they are."""
        headers = {"Authorization": f"Bearer {secret}"} if secret is not None else {}
        headers |= options.pop("headers", {})
        if isinstance(body, bytes):
            options["data"] = body
        else:
            options["json"] = body
        path = options.pop("path", "/api/v1/chat/completions")
        return Posted(self.session.post(self.url + path, headers=headers, **options), self.at_rest)

    async def at_rest(self) -> None:
        """Have done what locks rows: a test that waited for one would hold up the loop that must let it go."""
        await self.deps.refusals.write()
        await until(lambda: not self.deps.leases.lender._asking)


@dataclass
class Posted:
    """An answer under way, to be awaited or entered as those of aiohttp are. Afterwards the relay is at rest."""

    posting: Any
    at_rest: Callable[[], Awaitable[None]]

    def __await__(self) -> Any:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> aiohttp.ClientResponse:
        response = await self.posting.__aenter__()
        await self.at_rest()
        return response

    async def __aexit__(self, *error: object) -> None:
        await self.posting.__aexit__(*error)
        await self.at_rest()


def ask(model: str = "acme/tiny", text: str = "Say something pleasant.", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def chunks(text: str) -> list[Any]:
    """The events of a stream: parsed, but for the last word."""
    data = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(piece, parse_float=Decimal) for piece in data[:-1]]


async def until(is_so: Callable[[], object], *, timeout_s: float = 20) -> Any:
    """Wait for a condition of the other side, with a deadline no busy machine meets; gives what it gave."""
    async with asyncio.timeout(timeout_s):
        while not (found := is_so()):  # noqa: ASYNC110  # the other side raises no event here
            await asyncio.sleep(0.01)
    return found


@dataclass
class Books:
    """What the database and Redis say, read anew each time, with all that was spooled booked first."""

    db: Session
    engine: Engine
    redis: Redis
    counters: Counters
    relays: list[Relay] = field(default_factory=list)

    def book(self) -> None:
        """Do what a ledger process would, and what a proxy would that starts on these spools: at once."""
        self.db.rollback()  # a lock the test holds would be waited for
        for relay in self.relays:
            for end in list(relay.deps.leases.settler.spool.pending()):
                self.counters.run(requests.settlement(end))
        drain = Drain(self.engine, RedisStreams(self.counters))
        with suppress(OperationalError):  # a relay has the row, and needs the loop we hold up: the next time
            while drain.round():
                pass
        self.db.rollback()

    def events(self) -> list[UsageEvent]:
        self.book()
        return list(self.db.scalars(select(UsageEvent).order_by(UsageEvent.request_id)))

    def charges(self) -> list[int]:
        """What the ledger took, call by call."""
        self.book()
        rows = select(-LedgerEntry.amount_n).where(LedgerEntry.kind != "grant").order_by(LedgerEntry.id)
        return list(self.db.scalars(rows))

    def holds(self) -> list[dict[str, str]]:
        """The holds there are, as Redis keeps them, with their request id as `rid`."""
        self.book()
        return [
            {"rid": key.decode().rsplit(":", 1)[1], **text_of(self.redis.hgetall(key))}
            for key in self.redis.scan_iter("bl:*:H:*", count=1000)
        ]

    def sweep(self) -> int:
        """Have every hold overdue, and do what a ledger process does about it. Returns how many it ended."""
        for key in self.redis.scan_iter("bl:*:Z"):
            self.redis.zadd(key, dict.fromkeys(self.redis.zrange(key, 0, -1), 0))
        return LeaseKeeper(self.engine, self.counters, longest_call_s=900).sweep()

    def pool(self, of: "Caller | User | Org") -> dict[str, int]:
        """The numbers of a wallet's pool: free, held, spent, granted, returned."""
        wallet = self.wallet(of)
        pool = text_of(self.redis.hgetall(wallet_keys(wallet.bucket, wallet.id).pool))
        return {name: int(pool.get(name, 0)) for name in ("free", "held", "spent", "granted", "returned")}

    def wallet(self, of: "Caller | User | Org") -> Wallet:
        self.book()
        wallet_id = (of.user if isinstance(of, Caller) else of).wallet_id
        return self.db.get_one(Wallet, wallet_id, populate_existing=True)


def text_of(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """Valkey, emptied: what another test left is another installation's."""
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def books(db: Session, database_url: str, redis: Redis, redis_url: str) -> Iterator[Books]:
    patience = {"options": "-c lock_timeout=300ms -c timezone=UTC"}
    engine = create_engine(driver_url(database_url), connect_args=patience)
    counters = Counters(redis_url)
    yield Books(db, engine, redis, counters)
    counters.close()
    engine.dispose()


@pytest.fixture
async def provider(make: Any) -> AsyncIterator[OwnProvider]:
    """`own/model`, served by a provider of the test's own at USD 1 in and 2 out per 1M tokens."""
    own = OwnProvider()
    app = web.Application(client_max_size=2**25)
    app.router.add_route("*", "/{path:.*}", own.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    own.api_base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    make.provider("own", base_url=own.api_base, api_key="own-upstream-credential")
    make.offer("own/model", provider="own", upstream_model="theirs", prices={"input": "1", "output": "2"})
    yield own
    await runner.cleanup()


@pytest.fixture
async def simulator(tmp_path) -> AsyncIterator[Any]:
    async with running(SimulatorSettings(truth_log=tmp_path / "truth.jsonl", hang_s=30)) as started:
        yield started


@pytest.fixture
async def start_relay(settings: Settings, books: Books) -> AsyncIterator[Callable[..., Awaitable[Relay]]]:
    """Starts relays; each is stopped, and so drained, at the end of the test."""
    stack = AsyncExitStack()
    sessions: list[aiohttp.ClientSession] = []

    async def start(**changes: Any) -> Relay:
        app = build_app(replace(settings, **changes))
        runner = await stack.enter_async_context(serving(app, shutdown_timeout=1))
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        sessions.append(session)
        port = runner.addresses[0][1]
        relay = Relay(f"http://127.0.0.1:{port}", app[DEPS], session)
        books.relays.append(relay)
        return relay

    yield start
    books.book()  # whatever is proved after the test
    for session in sessions:
        await session.close()
    await stack.aclose()


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


QUICK = {
    "first_byte_timeout_s": 0.5,
    "plain_timeout_s": 0.5,
    "idle_timeout_s": 0.5,
    "keep_alive_s": 0.2,
    "total_timeout_s": 15.0,
}


@pytest.fixture
async def offered(start_relay, make, simulator):
    """A relay with short deadlines, and a way to offer what the simulator does under a name."""
    make.provider("acme", base_url=simulator.api_base)
    relay = await start_relay(**QUICK)

    def offer(directives):
        name = "".join(c if c.isalnum() else "-" for c in directives) or "plain"
        make.offer(f"acme/{name}", upstream_model=f"tiny+{directives}".rstrip("+"))
        return f"acme/{name}"

    return relay, offer


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """What is random in a test: the same again with the same `--chaos-seed`."""
    return Random(f"{request.config.option.chaos_seed} {request.node.name}")


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """How much of a test: some in every run, more with `--chaos-full`."""
    is_full = request.config.option.chaos_full
    return lambda some, more: more if is_full else some


@pytest.fixture
def start_process(settings, tmp_path):
    """Starts relay processes; `port` shares one with another."""
    with ExitStack() as started:

        def start(*, port=None, **environment):
            port = port or free_port()
            made = Process(
                {
                    "PATH": os.environ["PATH"],
                    "DATABASE_URL": settings.database_url,
                    "REDIS_URL": settings.redis_url,
                    "SECRET_KEY": "of no importance",
                    "KEY_PEPPER": settings.key_pepper.hex(),
                    "PROVIDER_SECRET": settings.provider_secret.hex(),
                    "HOLD_S": "5",
                    "SPOOL_DIR": settings.spool_dir,
                    "PROXY_PORT": str(port),
                    "LOG_LEVEL": "debug",
                    **environment,
                },
                tmp_path / "relay.log",
                port,
            )
            made.port = port
            started.callback(made.stop)
            return made

        yield start
