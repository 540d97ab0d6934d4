"""The same calls over PostgreSQL alone and over leases: the same usage rows, the same ledgers.

Path (a) is simple enough to be believed; path (c) has to agree with it.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from aiohttp import web
from sqlalchemy import func, select

from core.ids import uuid7
from core.models import LedgerEntry, Spend, UsageDaily, UsageEvent, Wallet
from proxy.gate import PostgresGate
from tests.proxy.conftest import ask, until
from tests.proxy.own_provider import WHOLE, delta
from tests.proxy.test_clients import connect, leave

FACTS = (
    "rank", "model_id", "provider", "price_card_id", "input_tokens", "cached_tokens", "cache_write_tokens",
    "output_tokens", "reasoning_tokens", "upstream_n", "charge_n", "status", "reason", "finish_reason", "estimated",
    "disputed", "stream", "app_name", "app_url",
)  # fmt: skip
SUMS = ("requests", "input_tokens", "cached_tokens", "output_tokens", "upstream_n", "charge_n")


def usage(prompt, completion, **more):
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        **more,
    }


PLAIN = {
    "plain": WHOLE,
    "cached": {**WHOLE, "usage": usage(100, 9, prompt_tokens_details={"cached_tokens": 64})},
    # Thoughts nobody saw, beside what was asked for, are believed. What should have been seen is not.
    "thoughtful": {**WHOLE, "usage": usage(10, 9_000, completion_tokens_details={"reasoning_tokens": 8_998})},
    "boundless": {**WHOLE, "usage": usage(10, 9_000)},
    "silent": {name: value for name, value in WHOLE.items() if name != "usage"},
    "empty": {"object": "error"},
}
WORDS = [delta(f"word {number} ") for number in range(6)]
STATED = b'data: {"choices": [], "usage": %b}\n\n'
DONE = b"data: [DONE]\n\n"
STREAMED = {
    "stream": [*WORDS, delta("", "stop"), STATED % json.dumps(usage(11, 7)).encode(), DONE],
    "uncounted": [*WORDS, delta("", "stop"), DONE],
    "denied": [*WORDS, delta("", "stop"), STATED % json.dumps(usage(11, 0)).encode(), DONE],
    "cut": WORDS,
    "odd": [*WORDS, b"data: {no JSON\n\n"],
    "refuses": [b'data: {"error": {"message": "overloaded"}}\n\n'],
    "hangs": WORDS,
    "floods": [delta("word " * 20)] * 40,
}


async def served(request):
    """What `x_how` in the body asks for."""
    how = json.loads(await request.read())["x_how"]
    if how in PLAIN:
        return web.json_response(PLAIN[how])
    if how not in STREAMED:
        assert how in {"late", "fails", "wrong"}
        if how == "late":
            await asyncio.Event().wait()
        return web.json_response({"error": {"message": "no"}}, status=500 if how == "fails" else 400)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for piece in STREAMED[how]:
        await response.write(piece)
    if how in {"hangs", "floods"}:
        await asyncio.Event().wait()
    return response


@dataclass
class World:
    """A relay, and everybody who calls it: the same people with the same money on either path."""

    start: object
    secrets: dict[str, str]
    wallets: dict[str, object]  # whose -> id
    relay: object = None

    async def begin(self):
        self.relay = self.relay or await self.start()

    async def call(self, who, how, **fields):
        body = ask(fields.pop("model", "own/model"), x_how=how, **{"max_tokens": 50, **fields})
        async with self.relay.post(self.secrets[who], body, headers={"X-Title": "App"}) as response:
            await response.read()
            return response.status

    async def leave(self, who, how, *, after):
        """Call and leave, once this was seen of the answer (nothing: once the provider was asked)."""
        caller = SimpleNamespace(secret=self.secrets[who])
        body = ask("own/model", stream=True, max_tokens=50, x_how=how)
        client, seen = connect(self.relay, caller, body), b""
        async with asyncio.timeout(20):
            while after not in seen:
                seen += await asyncio.get_running_loop().sock_recv(client, 4096)
            await until(lambda: any(c.meter.offer or not after for c in self.charges))
        leave(client, "reset")
        await until(lambda: not self.charges)

    @property
    def charges(self):
        return list(self.relay.deps.running._charges.values())


PEOPLE = ("rich", "poor", "limited", "member", "org")


@pytest.fixture
async def worlds(start_relay, make, provider):
    """A relay of each path, and people of its own."""
    provider.answer = served
    settings = {"slice_tokens": 32, "idle_timeout_s": 2.0}

    async def on_postgres():
        """Before there is a generation of Redis: once one is open, PostgreSQL admits nothing."""
        relay = await start_relay(counters_url="redis://127.0.0.1:1/0", **settings)
        engine = relay.deps.engine
        relay.deps.running.gate = PostgresGate(engine, checkpoints=engine, boot_id=uuid7(), hold_s=30)
        return relay

    made = []
    for start in (on_postgres, lambda: start_relay(**settings)):
        rich, poor = make.user(credits_usd="10"), make.user(credits_usd="0.0002")
        orgs = [make.org(credits_usd="0.001"), make.org(credits_usd="0.00016")]
        member = make.member(team=make.team(orgs[0], monthly_budget_n=10**9), monthly_budget_n=160_000)
        keys = (
            make.key(rich),
            make.key(poor),
            make.key(rich, spend_limit_n=160_000, spend_limit_period="day"),
            make.key(member=member),
            make.key(org=orgs[1]),
        )
        secrets = {who: make.secrets[key.id] for who, key in zip(PEOPLE, keys, strict=True)}
        wallets = {who: key.wallet_id for who, key in zip(PEOPLE, keys, strict=True)}
        made.append(World(start, secrets, wallets))
    return made


async def compared(worlds, books, history, *, calls):
    """Live the same history in both worlds. Gives what it came to, which is the same."""
    told = []
    for world in worlds:
        await world.begin()
        statuses = await history(world)
        found = await until(lambda world=world: (rows := rows_of(world, books)).total() >= calls and rows)
        assert found.total() == calls
        told.append((statuses, found, sums_of(world, books)))
    assert told[0] == told[1]
    return told[0]


def rows_of(world, books):
    """The usage rows of a world's wallets: whose, who was in what, and the facts."""
    books.book()
    whose = {wallet_id: who for who, wallet_id in world.wallets.items()}
    rows = books.db.scalars(select(UsageEvent).where(UsageEvent.wallet_id.in_(whose)))
    return Counter(
        (whose[row.wallet_id], row.team_id is None, row.member_id is None, *(getattr(row, f) for f in FACTS))
        for row in rows
    )


def sums_of(world, books):
    """By wallet: its ledger, its balance, its daily sums; by key, member and team what counts for limits."""
    db, found = books.db, {}
    for who, wallet_id in world.wallets.items():
        entries = db.execute(
            select(LedgerEntry.kind, func.sum(LedgerEntry.amount_n), func.count())
            .where(LedgerEntry.wallet_id == wallet_id)
            .group_by(LedgerEntry.kind)
            .order_by(LedgerEntry.kind)
        ).all()
        sums = [func.coalesce(func.sum(getattr(UsageDaily, name)), 0) for name in SUMS]
        daily = db.execute(select(*sums).where(UsageDaily.wallet_id == wallet_id)).one()
        wallet = db.get_one(Wallet, wallet_id, populate_existing=True)
        keys = select(UsageEvent.key_id).where(UsageEvent.wallet_id == wallet_id)
        spends = db.execute(
            select(Spend.charge_n, Spend.tokens, Spend.requests).where(Spend.subject_id.in_(keys))
        ).all()
        charged = sum(charge for charge, _, _ in spends)
        found[who] = (list(map(tuple, entries)), wallet.balance_n, wallet.held_n, tuple(daily), charged)
    return found


def charges_of(found):
    return sorted(row[3 + FACTS.index("charge_n")] for row in found.elements())


async def test_calls_that_end_in_every_way_are_booked_alike(worlds, books):
    async def history(world):
        statuses = [
            await world.call("rich", how, stream=how in STREAMED)
            for how in (
                "plain",
                "cached",
                "thoughtful",
                "boundless",
                "silent",
                "empty",
                "fails",
                "wrong",
                *STREAMED,
            )
            if how not in {"hangs", "floods"}
        ]
        await world.leave("rich", "hangs", after=b"word 5")
        await world.leave("rich", "late", after=b"")
        return [*statuses, await world.call("rich", "plain", model="own/none")]

    statuses, found, sums = await compared(worlds, books, history, calls=17)

    assert statuses == [200, 200, 200, 200, 200, 502, 502, 400, 200, 200, 200, 200, 200, 502, 404]
    reasons = Counter(row[3 + FACTS.index("reason")] for row in found.elements())
    assert reasons == {
        "done": 8,
        "upstream_failed": 3,
        "upstream_cut": 2,
        "bad_request": 1,
        "client_gone": 2,
        "not_found": 1,
    }
    assert sums["rich"][1] == 10 * 10**9 - sum(charges_of(found))
    # Input at 1,000 and output at 2,000 nano-dollars, and 10 % fee.
    assert charges_of(found)[-1] == (10 * 1000 + 9_000 * 2000) * 11 // 10
    assert sum(charges_of(found)[:-1]) < 1_000_000


async def test_an_answer_that_outgrows_the_money_is_cut_and_booked_alike(worlds, books):
    async def history(world):
        first = await world.call("poor", "floods", stream=True, max_tokens=2000)
        return [first, await world.call("poor", "stream", stream=True)]

    statuses, found, sums = await compared(worlds, books, history, calls=2)

    assert statuses == [200, 402]
    assert charges_of(found) == [0, 200_000]
    assert sums["poor"][1:3] == (0, 0)


async def test_a_charge_beyond_what_there_is_is_capped_alike(worlds, books):
    async def history(world):
        return [await world.call("poor", "thoughtful")]

    statuses, found, sums = await compared(worlds, books, history, calls=1)

    assert statuses == [200]
    assert charges_of(found) == [200_000]
    assert sums["poor"][1] == 0


@pytest.mark.parametrize(("who", "status"), [("poor", 402), ("limited", 402), ("member", 429), ("org", 429)])
async def test_who_is_short_of_money_is_refused_at_the_same_call(worlds, books, who, status):
    async def history(world):
        statuses = []
        for _ in range(14):
            statuses.append(await world.call(who, "plain", max_tokens=16))
            # A lease is settled behind the answer's back; what the call held may be held a moment longer.
            await until(lambda: books.holds() == [])
        return statuses

    statuses, found, _sums = await compared(worlds, books, history, calls=14)

    served_calls = statuses.count(200)
    assert 5 < served_calls < 14
    assert statuses == [200] * served_calls + [status] * (14 - served_calls)
    assert charges_of(found) == [0] * (14 - served_calls) + [15_400] * served_calls


@pytest.mark.parametrize("who", ["poor", "limited", "member", "org"])
async def test_of_many_calls_at_once_as_many_are_served(worlds, books, provider, who):
    """Those that are admitted run until all others are refused: what is held decides, not who is quick."""

    async def history(world):
        provider.received.clear()
        release = asyncio.Event()

        async def waits(request):
            await release.wait()
            return web.json_response(WHOLE)

        provider.answer = waits
        calls = [asyncio.create_task(world.call(who, "plain", max_tokens=17)) for _ in range(8)]
        await until(lambda: sum(call.done() for call in calls) + len(provider.received) == 8)
        release.set()
        return sorted(await asyncio.gather(*calls))

    statuses, found, _sums = await compared(worlds, books, history, calls=8)

    assert statuses == [200] * 2 + [402 if who in {"poor", "limited"} else 429] * 6
    assert charges_of(found) == [0] * 6 + [15_400] * 2
