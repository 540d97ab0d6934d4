import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from core.charging.calls import Stale
from core.errors import Unavailable
from proxy.running import PARTS, Charge, Running, parts_due
from tests.proxy.conftest import ask, until
from tests.proxy.own_provider import delta, stream_of
from tests.proxy.test_clients import connect, leave


class Behind:
    """A gate in front of the real one."""

    def __init__(self, gate):
        self.gate = gate

    def __getattr__(self, name):
        return getattr(self.gate, name)


async def test_a_client_that_leaves_during_admission_leaves_no_money_behind(
    relay, caller, books, db, simulator
):
    db.execute(text("SELECT 1 FROM wallets FOR UPDATE"))  # the admission waits for this lock
    client = connect(relay, caller, ask(stream=True))
    await until(lambda: relay.deps.leases.lender._asking)

    leave(client, "reset")
    await until(books.events)
    db.rollback()

    await until(lambda: not relay.deps.leases.lender._asking)
    await left_nothing(books, caller, simulator)


async def test_a_client_that_leaves_before_it_is_told_of_its_admission_leaves_no_money_behind(
    relay, caller, books, simulator
):
    class Slow(Behind):
        admitted = asyncio.Event()

        async def admit(self, call):
            await self.gate.admit(call)
            self.admitted.set()
            await asyncio.Event().wait()

    slow = relay.deps.running.gate = Slow(relay.deps.running.gate)
    client = connect(relay, caller, ask(stream=True))
    await slow.admitted.wait()
    assert [hold["k"] for hold in books.holds()] == [caller.key.id.hex]

    leave(client, "reset")
    await until(books.events)

    await left_nothing(books, caller, simulator)


async def left_nothing(books, caller, simulator):
    """The call was voided: nothing is held or charged, no provider was asked."""
    await until(lambda: books.holds() == [])
    pool = books.pool(caller)
    assert (pool["held"], pool["spent"], pool["free"]) == (0, 0, pool["granted"])
    assert [(row.reason, row.charge_n) for row in books.events()] == [("client_gone", 0)]
    assert books.charges() == []
    assert simulator.truth.records() == []


async def test_a_key_that_changes_all_the_time_is_asked_to_wait(relay, caller):
    class AlwaysStale(Behind):
        async def admit(self, call):
            return Stale()

    relay.deps.running.gate = AlwaysStale(relay.deps.running.gate)

    async with relay.post(caller.secret, ask()) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "1"


async def test_an_admission_whose_reply_is_lost_is_swept_and_free(relay, caller, books):
    class LosesReplies(Behind):
        async def admit(self, call):
            await self.gate.admit(call)
            raise Unavailable("lost", retry_after_s=5)

    relay.deps.running.gate = LosesReplies(relay.deps.running.gate)
    async with relay.post(caller.secret, ask()) as response:
        assert response.status == 503
    await until(books.events)  # the refusal is on record before anybody sweeps
    assert books.pool(caller)["held"] > 0

    assert books.sweep() == 1

    assert books.holds() == []
    assert books.pool(caller)["held"] == 0
    assert [(row.reason, row.charge_n) for row in books.events()] == [("orphaned", 0)]


async def test_a_failure_of_ours_is_told_without_internals_and_settled(relay, caller, books, monkeypatch):

    monkeypatch.setattr("proxy.upstream.offers.bound_of", lambda *_: 1 / 0)

    async with relay.post(caller.secret, ask()) as response:
        body = json.loads(await response.text())

    assert response.status == 500
    assert response.headers["X-Request-Id"] in body["error"]["message"]
    assert "ZeroDivision" not in json.dumps(body)
    assert books.holds() == []
    assert [(row.status, row.reason, row.charge_n) for row in books.events()] == [(500, "internal_error", 0)]


async def test_draining_waits_for_calls_that_were_just_cancelled(relay, caller, books, make):
    make.offer("acme/slow", upstream_model="tiny+tokens=500+delay=0.05")
    await relay.deps.catalog.refresh()
    client = connect(relay, caller, ask("acme/slow", stream=True))
    await until(relay.deps.running.generations)  # it runs: a hold alone may not have been told of yet

    leave(client, "reset")
    await relay.deps.running.drained(within_s=5)

    assert books.holds() == []


async def test_draining_ends_although_something_cannot_be_settled(relay):
    forever = relay.deps.running.spawn(asyncio.Event().wait())

    await relay.deps.running.drained(within_s=0.1)

    assert not forever.done()
    forever.cancel()


@pytest.mark.parametrize(
    ("done", "turn", "parts"),
    [
        (40, 40, set()),
        (40, 41, {1}),
        (58, 61, {19, 0, 1}),  # the loop, or a gate, was late
        (40, 60, set(range(20))),
        (40, 1000, set(range(20))),
    ],
)
def test_each_part_of_the_calls_has_its_turn(done, turn, parts):
    assert parts_due(turn, done=done) == parts


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_however_late_turns_come_no_part_waits_for_more_than_a_second_and_the_delay(steps):
    last, done = dict.fromkeys(range(PARTS), 0), 0
    for step in steps:
        turn = done + step
        for part in parts_due(turn, done=done):
            assert turn - last[part] <= PARTS + step
            last[part] = turn
        done = turn


async def test_many_running_calls_are_not_checkpointed_in_one_go(start_relay, provider, caller):
    async def silence(request):
        await stream_of(delta("Hi."))(request)
        await asyncio.Event().wait()

    class Watched(Behind):
        told = ()

        async def checkpoint(self, running):
            self.told = [call.request_id for call, _, _ in running]

    provider.answer = silence
    relay = await start_relay()
    clients = [connect(relay, caller, ask("own/model", stream=True)) for _ in range(40)]
    await until(lambda: len(relay.deps.running._charges) == 40)
    watched = Watched(relay.deps.running.gate)
    running = Running(watched)
    running._charges = relay.deps.running._charges

    seen = {}
    for part in range(PARTS):
        watched.told = []
        await running.checkpoint({part})
        seen[part] = sorted(watched.told)

    ids = sorted(charge.call.request_id for charge in running._charges.values())
    assert seen == {part: [rid for rid in ids if rid.int % PARTS == part] for part in range(PARTS)}
    for client in clients:
        leave(client, "reset")
    await until(lambda: not relay.deps.running._charges)


async def test_running_calls_are_checkpointed(relay, caller, books, make):
    make.offer("acme/slow", upstream_model="tiny+tokens=500+delay=0.01")
    await relay.deps.catalog.refresh()
    client = connect(relay, caller, ask("acme/slow", stream=True))

    metered_n = await until(
        lambda: next((int(hold["m"]) for hold in books.holds() if hold["mt"] != "0"), None)
    )

    assert metered_n > 0
    leave(client, "reset")
    (event,) = await until(lambda: books.holds() == [] and books.events())
    assert event.charge_n >= metered_n


async def test_a_relay_that_settles_only_what_succeeds_is_noticed(relay, caller, books, make, monkeypatch):
    """The mistake made on purpose: what the tests above demand does not come about."""
    settled, exits = Charge.__aexit__, asyncio.Queue()

    async def only_on_success(charge, kind, error, trace):
        exits.put_nowait((charge, error))
        if error is None:
            await settled(charge, kind, error, trace)

    monkeypatch.setattr(Charge, "__aexit__", only_on_success)
    make.offer("acme/slow", upstream_model="tiny+tokens=500+delay=0.05")
    await relay.deps.catalog.refresh()
    client = connect(relay, caller, ask("acme/slow", stream=True))
    await until(relay.deps.running.generations)  # one that leaves before that is voided, and has no charge

    leave(client, "reset")
    charge, error = await exits.get()

    assert error is not None
    assert [hold["k"] for hold in books.holds()] == [caller.key.id.hex]
    assert books.pool(caller)["held"] > 0
    await settled(charge, type(error), error, None)
    await until(lambda: books.holds() == [])
