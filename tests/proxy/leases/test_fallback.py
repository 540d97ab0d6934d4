"""Redis is gone: calls are refused, or admitted in PostgreSQL where the operator wants that. No limit is passed."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import pytest
from aiohttp import web

from core.charging import generations
from core.charging.calls import Admitted, Call, Caller, Ending, Progress, Settled, Stale, TooFast
from core.errors import Unavailable
from core.ids import uuid7
from core.money import Nanos
from core.rules.admission import Deny, Want
from core.rules.prices import Cost, Usage
from core.rules.rates import Rate
from core.rules.scopes import Fuse, Quota
from proxy.gate import GenerationOpen
from proxy.leases.fallback import FallbackGate
from proxy.leases.local_limits import LocalLimits, Taken
from proxy.store.errors import Away
from tests.proxy.conftest import ask, until
from tests.proxy.leases.conftest import behind
from tests.proxy.leases.outages import Outage

CALL = {"max_tokens": 16, "model": "acme/waits", "text": "Hi"}
COST_N = 11_000_000  # 16 tokens at USD 625 per 1M, and the fee


@pytest.fixture
def redis_url(server):
    """A Redis that may be killed."""
    return server.url


@pytest.fixture
def outage(server, books):
    """Name it behind the relays: it ends before they do, who settle in Redis."""
    yield Outage(server, books)
    if server.process.poll() is not None:
        server.start()


@pytest.fixture
async def start(start_relay, tiny, make):
    """Starts relays that go on without Redis."""
    make.offer("acme/waits", upstream_model="tiny+wait=0.3+tokens=16", prices={"input": "0", "output": "625"})

    async def started(**changes):
        return await start_relay(**{"redis_down": "postgres", "calls_at_once": 400, **changes})

    return started


async def status_of(relay, secret, **fields):
    async with relay.post(secret, ask(**{**CALL, **fields})) as response:
        await response.read()
        return response.status


async def readiness(relay):
    async with relay.session.get(relay.url + "/readyz") as response:
        return response.status, await response.json()


async def test_without_redis_calls_are_refused(start, caller, outage, simulator):
    relay = await start(redis_down="refuse")
    assert await readiness(relay) == (200, {"status": "ok"})
    outage.server.kill()
    await until(lambda: relay.deps.leases.generations.current is None)

    async with relay.post(caller.secret, ask(**CALL)) as response:
        refused = (
            response.status,
            response.headers["Retry-After"],
            (await response.json())["error"]["message"],
        )

    assert refused == (503, "5", "The service cannot check limits right now. Try again.")
    assert simulator.truth.records() == []
    assert await readiness(relay) == (503, {"status": "redis unreachable"})
    await outage.end(relay)
    assert await status_of(relay, caller.secret) == 200
    assert "" not in outage.generations()


async def test_where_the_operator_wants_it_calls_go_on_in_postgres(start, caller, outage, simulator, books):
    relay = await start()
    assert await status_of(relay, caller.secret) == 200
    outage.server.kill()

    began = time.monotonic()
    while (status := await status_of(relay, caller.secret)) == 503:
        pass

    assert status == 200
    assert time.monotonic() - began >= 4  # who could object has had his time
    assert len(simulator.truth.records()) == 2
    assert await readiness(relay) == (200, {"status": "ok", "degraded": "counters away"})
    await outage.end(relay)
    assert await readiness(relay) == (200, {"status": "ok"})
    assert await status_of(relay, caller.secret) == 200
    assert [row.gen for row in books.events() if row.charge_n] == [1, 0, 3]
    assert books.charges() == [COST_N] * 3


@pytest.mark.parametrize("short", ["balance", "key limit"])
async def test_two_hundred_parallel_calls_spend_what_there_is(start, make, outage, simulator, books, short):
    relays = [await start(), await start()]
    user = make.user(credits_usd="0.115" if short == "balance" else "10")  # ten calls and a half
    key = make.key(user, spend_limit_n=None if short == "balance" else 115_000_000)
    secret = make.secrets[key.id]
    await outage.begin(*relays)

    statuses = await asyncio.gather(
        *(status_of(relays[i % 2], secret, stream=i % 3 == 0) for i in range(200))
    )

    assert Counter(statuses) == {200: 10, 402: 190}
    assert len(simulator.truth.records()) == 10
    await outage.end(*relays)
    assert books.charges() == [COST_N] * 10
    assert outage.rows("SELECT FROM holds") == []
    assert await status_of(relays[0], secret) == 402


async def test_sixty_four_streams_share_the_last_cent(start, make, outage, books):
    make.offer(
        "acme/cheap",
        upstream_model="tiny+tokens=3000+chunks=60+delay=0.005",
        prices={"input": "1", "output": "2"},
    )
    relays = [await start(), await start()]
    user = make.user(credits_usd="0.01")
    secret = make.secrets[make.key(user).id]
    await outage.begin(*relays)

    statuses = await asyncio.gather(
        *(
            status_of(relays[i % 2], secret, model="acme/cheap", stream=True, max_tokens=3000)
            for i in range(64)
        )
    )

    await outage.end(*relays)
    wallet = books.wallet(user)
    assert 200 in statuses
    assert wallet.held_n == 0
    assert 0 <= wallet.balance_n == 10_000_000 - sum(books.charges())


@pytest.mark.parametrize("remembers", [False, True], ids=["an empty Redis", "a Redis that wrote all down"])
async def test_a_limit_holds_across_both_changes(start, make, outage, books, remembers):
    if remembers:
        outage.server.settings = ("appendonly yes", "appendfsync always")
        outage.server.stop()
        outage.server.start()
    relays = [await start(), await start()]
    key = make.key(make.user(credits_usd="2"), spend_limit_n=40 * COST_N + 1)
    secret = make.secrets[key.id]

    async def calls(count):
        statuses = await asyncio.gather(*(status_of(relays[i % 2], secret) for i in range(count)))
        return Counter(statuses)

    assert await calls(10) == {200: 10}
    await outage.begin(*relays)
    assert (await calls(20)).keys() <= {200, 503}  # what is leased may have been spent: nobody knows yet
    await outage.settled()
    assert await calls(10) == {200: 10}
    await outage.end(*relays)
    assert (await calls(30)).keys() <= {200, 402}
    statuses = await calls(10)

    assert statuses == {402: 10}
    assert books.charges() == [COST_N] * 40
    assert {row.gen for row in books.events() if row.charge_n} == {0, 1, 3}


async def test_one_that_is_cut_off_is_refused_while_another_serves(start, caller, wire, outage, books):
    apart, other = await start(counters_url=behind(wire, outage.server)), await start()
    assert [await status_of(relay, caller.secret) for relay in (apart, other)] == [200, 200]

    wire.to = 1
    wire.cut()
    lost = apart.deps.leases.generations
    await until(lambda: lost.current is None and lost.away_s > 3)

    assert [await status_of(relay, caller.secret) for relay in (apart, other)] == [503, 200]
    assert await readiness(apart) == (503, {"status": "redis unreachable"})
    assert len(outage.generations()) == 1

    wire.to = outage.server.port
    await until(lambda: lost.current is not None)
    assert [await status_of(relay, caller.secret) for relay in (apart, other)] == [200, 200]
    assert books.charges() == [COST_N] * 5


async def test_a_proxy_gets_its_share_of_the_calls_a_minute(start, caller, outage, books):
    relays = [await start(rpm_free=6, rpm_paid=6) for _ in range(3)]
    await outage.begin(*relays)

    statuses = [await status_of(relay, caller.secret) for relay in relays for _ in range(3)]
    async with relays[0].post(caller.secret, ask(**CALL)) as response:
        told = {name: value for name, value in response.headers.items() if name.startswith("X-RateLimit-")}

    assert statuses == [200, 200, 429] * 3
    assert (told["X-RateLimit-Limit"], told["X-RateLimit-Remaining"]) == ("2", "0")
    await outage.end(*relays)
    assert books.charges() == [COST_N] * 6


async def test_one_that_was_not_heard_of_objects(start, caller, outage, books):
    relay = await start()
    assert await status_of(relay, caller.secret) == 200
    with books.engine.begin() as connection:
        generations.vacate(connection)

    await until(lambda: len(outage.generations()) == 3)

    assert outage.generations() == [
        relay.deps.leases.store.fingerprint,
        "",
        relay.deps.leases.store.fingerprint,
    ]
    assert await status_of(relay, caller.secret) == 200
    assert books.charges() == [COST_N] * 2


async def test_a_call_ends_where_it_was_admitted(start, make, caller, provider, outage, books):
    make.offer("own/slow", provider="own", prices={"input": "0", "output": "625"})
    relay, over = await start(), asyncio.Event()

    async def answer(request):
        await over.wait()
        choice = {"index": 0, "finish_reason": "stop"}
        choice["message"] = {"role": "assistant", "content": " ".join(["word"] * 16)}
        usage = {"prompt_tokens": 8, "completion_tokens": 16, "total_tokens": 24}
        return web.json_response({"choices": [choice], "usage": usage})

    def running():
        return {charge.admitted.gen for charge in relay.deps.running._charges.values()}

    provider.answer = answer
    leased = asyncio.create_task(status_of(relay, caller.secret, model="own/slow"))
    await until(lambda: running() == {"1:" + str(relay.deps.leases.generations.current.since_ms)})
    await outage.begin(relay)
    held = asyncio.create_task(status_of(relay, caller.secret, model="own/slow"))
    await until(lambda: "" in running())
    await outage.end(relay)
    over.set()

    assert [await leased, await held] == [200, 200]
    assert [(row.gen, row.charge_n) for row in books.events()] == [(1, COST_N), (0, COST_N)]
    assert outage.rows("SELECT FROM holds") == []


# Which way a call goes.


class Gate:
    """Answers what it is told, and keeps what it was asked."""

    def __init__(self, verdict=None):
        self.verdict, self.asked, self.fault = verdict, [], None

    async def admit(self, call):
        self.asked.append("admit")
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict

    async def checkpoint(self, running):
        self.asked.append([admitted.gen for _, admitted, _ in running])
        if self.fault is not None:
            raise self.fault

    async def extend(self, call, admitted, *, more_n):
        self.asked.append("extend")
        return more_n

    async def rate(self, caller):
        return RATE

    def settle_now(self, call, admitted, ending, *, hold_n):
        return None if ending.cost.charge_n > hold_n else self.settled(ending)

    async def settle(self, call, admitted, ending, *, hold_n):
        return self.settled(ending)

    def settled(self, ending):
        self.asked.append("settle")
        return Settled("settled", ending.cost.charge_n)


class Emptiness:
    """A vacancy that is what it is told to be."""

    def __init__(self, *, is_vacant):
        self.is_vacant, self.proxies = is_vacant, 1

    async def ended(self):
        self.is_vacant = False


class Ways:
    """A gate with two ways, and what is beside them."""

    def __init__(self, leases, postgres, *, is_vacant=True):
        self.leases, self.postgres = Gate(leases), Gate(postgres)
        self.limits, self.noted, self.ended = LocalLimits(), [], []
        self.vacancy = Emptiness(is_vacant=is_vacant)
        self.gate = FallbackGate(
            self.leases,
            self.postgres,
            vacancy=self.vacancy,
            limits=self.limits,
            trips=SimpleNamespace(note=lambda verdict, caller: self.noted.append(verdict)),
            breaker=SimpleNamespace(end=lambda request_id, upstream_n: self.ended.append(upstream_n)),
        )


IN_REDIS, IN_POSTGRES = Admitted(5, gen="1:0"), Admitted(5)
RATE = Rate(7, 3, 0)
DENIED = Deny("wallet", 5, 4, 0)
END = Ending("acme", Usage(), Cost(Nanos(7), Nanos(9)), 200, "done")


def call_of(**fields):
    caller = Caller(uuid4(), 1, uuid4(), 1, 0, uuid4(), **fields)
    return Call(uuid7(), caller, "a/b", uuid4(), False, "", "", Want(5, 5, 5), datetime.now(UTC))


@pytest.mark.parametrize("hold_n", [8, 9], ids=["waiting", "at once"])
@pytest.mark.parametrize(("is_vacant", "verdict"), [(False, IN_REDIS), (True, IN_POSTGRES)])
async def test_a_call_goes_all_the_way_it_was_admitted(is_vacant, verdict, hold_n):
    ways, call = Ways(IN_REDIS, IN_POSTGRES, is_vacant=is_vacant), call_of(at_once=1)

    assert await ways.gate.admit(call) == verdict
    ways.vacancy.is_vacant = not is_vacant
    assert await ways.gate.extend(call, verdict, more_n=3) == 3
    settled = ways.gate.settle_now(call, verdict, END, hold_n=hold_n)
    if hold_n < END.cost.charge_n:
        assert settled is None
        settled = await ways.gate.settle(call, verdict, END, hold_n=hold_n)

    assert settled == Settled("settled", 9)
    gone, other = (ways.postgres, ways.leases) if is_vacant else (ways.leases, ways.postgres)
    assert gone.asked == ["admit", "extend", "settle"]
    assert other.asked == []
    assert isinstance(ways.limits.take(call_of(at_once=1), proxies=1), Taken)


@pytest.mark.parametrize(("is_vacant", "told"), [(False, (7, 3)), (True, (4, 4))])
async def test_who_counts_the_calls_of_a_minute_says_how_many_are_left(is_vacant, told):
    rate = await Ways(None, None, is_vacant=is_vacant).gate.rate(call_of(rpm=4).caller)

    assert (rate.limit, rate.remaining) == told


async def test_a_call_is_sent_on_when_a_generation_is_open_after_all():
    ways = Ways(IN_REDIS, GenerationOpen("open"))

    assert await ways.gate.admit(call_of()) == IN_REDIS
    assert await ways.gate.admit(call_of()) == IN_REDIS

    assert ways.postgres.asked == ["admit"]


@pytest.mark.parametrize("verdict", [DENIED, Stale(), Unavailable("no")])
async def test_what_postgres_refuses_takes_no_place_here(verdict):
    ways, caller = Ways(None, verdict), call_of(rpm=1, at_once=1)

    with suppress(Unavailable):
        assert await ways.gate.admit(caller) == verdict

    ways.postgres.verdict = IN_POSTGRES
    admitted = await ways.gate.admit(caller)
    assert (admitted.rate.limit, admitted.rate.remaining) == (1, 0)
    assert isinstance(await ways.gate.admit(caller), TooFast)


async def test_quotas_are_not_counted_here():
    now = datetime.now(UTC)
    ways, quota = Ways(None, IN_POSTGRES), Quota("plan", uuid4(), "tokens", 5, now, now)

    with pytest.raises(Unavailable) as refused:
        await ways.gate.admit(call_of(quotas=(quota,)))

    assert refused.value.retry_after_s == 5
    assert ways.postgres.asked == []


async def test_what_ran_before_counts_for_the_breakers_here():
    ways = Ways(IN_REDIS, IN_POSTGRES, is_vacant=False)
    fuse = Fuse("org", uuid4(), 10, 100)
    call, another = call_of(fuses=(fuse,)), call_of(fuses=(fuse,))
    await ways.gate.admit(call)
    await ways.gate.checkpoint([(call, IN_REDIS, Progress(call.request_id, 1, Cost(Nanos(6), Nanos(6))))])
    await ways.gate.settle(call, IN_REDIS, END, hold_n=9)
    ways.vacancy.is_vacant = True

    assert await ways.gate.admit(another) == IN_POSTGRES
    await ways.gate.settle(another, IN_POSTGRES, END, hold_n=9)
    tripped = await ways.gate.admit(call_of(fuses=(fuse,)))

    assert (tripped.scope, tripped.spent_n, tripped.limit_n) == ("org", 14, 10)
    assert ways.noted == [tripped]
    shadow = replace(fuse, is_shadow=True)
    assert await ways.gate.admit(call_of(fuses=(shadow,))) == IN_POSTGRES
    assert [(trip.subject_id, trip.is_shadow) for trip in ways.noted] == [(fuse.id, False), (fuse.id, True)]


async def test_what_redis_cannot_know_from_the_books_is_told_to_its_global_breaker():
    ways = Ways(IN_REDIS, IN_POSTGRES)
    calls = [call_of() for _ in range(2)]
    for call in calls:
        await ways.gate.admit(call)

    await ways.gate.settle(calls[0], IN_POSTGRES, END, hold_n=9)
    ways.vacancy.is_vacant = False
    await ways.gate.settle(calls[1], IN_POSTGRES, END, hold_n=9)

    assert ways.ended == [7]


@pytest.mark.parametrize("away", ["leases", "postgres"])
async def test_each_call_is_heard_of_where_it_is_held_though_the_other_way_is_blocked(away):
    ways = Ways(IN_REDIS, IN_POSTGRES)
    getattr(ways, away).fault = Away("gone")
    running = [(call_of(), admitted, Progress(uuid4())) for admitted in (IN_REDIS, IN_POSTGRES, IN_REDIS)]

    with pytest.raises(Away):
        await ways.gate.checkpoint(running)

    assert ways.leases.asked == [["1:0", "1:0"]]
    assert ways.postgres.asked == [[""]]
