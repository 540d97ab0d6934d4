"""The breaker over everything: one counter of all relays, believed for a while, closed by itself."""

import asyncio
from datetime import UTC, datetime

import pytest

from core.charging.calls import Call, Caller, Ending, Progress
from core.counters.keys import GLOBAL
from core.ids import uuid7
from core.money import Nanos
from core.rules.admission import Want
from core.rules.prices import Cost, Usage
from proxy import global_breaker as module
from proxy.global_breaker import GlobalBreaker
from proxy.store.store import Store
from tests.proxy.conftest import ask, until

A_CALL, OTHER_CALL = uuid7(), uuid7()


@pytest.fixture
async def two_breakers(start_relay, tiny):
    """Of two relays; they look by themselves too, which changes nothing."""
    limits = {"global_minute_n": 1000, "global_hourly_n": 5000}
    relays = [await start_relay(**limits), await start_relay(**limits)]
    return [relay.deps.leases.breaker for relay in relays]


@pytest.fixture
def counted(redis):
    """What Redis has of all relays: of the minute, of the hour."""

    def read():
        return tuple(int(redis.hget(GLOBAL.windows, name) or 0) for name in ("g:ws", "g:wm"))

    return read


async def test_without_thresholds_it_counts_nothing_and_is_closed(start_relay, tiny, caller, counted):
    relay = await start_relay()
    breaker = relay.deps.leases.breaker
    await relay.post(caller.secret, ask())
    breaker.count(A_CALL, 10**15)
    breaker.end(OTHER_CALL, 10**15)

    await breaker.look()

    assert not breaker.is_on
    assert breaker.retry_ms() == 0
    assert counted() == (0, 0)
    assert breaker._counted == {}


async def test_a_call_is_counted_once_whatever_it_says_on_the_way(two_breakers, counted):
    breaker = two_breakers[0]
    for upstream_n in (10, 30, 20, 30):  # never less than before
        breaker.count(A_CALL, upstream_n)
        await breaker.look()
    breaker.count(OTHER_CALL, 5)

    breaker.end(A_CALL, 100)
    breaker.end(OTHER_CALL, 5)
    await breaker.look()

    assert counted() == (105, 105)
    assert breaker._counted == {}


async def test_one_that_cost_less_than_was_believed_gives_nothing_back(two_breakers, counted):
    breaker = two_breakers[0]
    breaker.count(A_CALL, 50)
    breaker.end(A_CALL, 40)

    await breaker.look()

    assert counted() == (50, 50)


async def test_relays_trip_together_at_the_threshold_and_not_below(two_breakers):
    one, other = two_breakers
    one.end(A_CALL, 999)
    await one.look()
    await other.look()
    assert (one.retry_ms(), other.retry_ms()) == (0, 0)

    other.end(OTHER_CALL, 1)
    await other.look()
    await one.look()

    assert 0 < one.retry_ms() <= 60_000
    assert 0 < other.retry_ms() <= 60_000


async def test_the_hour_has_a_threshold_of_its_own(start_relay, tiny):
    relay = await start_relay(global_hourly_n=5000)
    breaker = relay.deps.leases.breaker
    breaker.end(A_CALL, 5000)

    await breaker.look()

    assert 58 * 60_000 < breaker.retry_ms() <= 60 * 60_000


async def test_it_closes_by_itself_once_the_window_has_passed(two_breakers, redis):
    breaker = two_breakers[0]
    breaker.end(A_CALL, 1000)
    await breaker.look()
    assert breaker.retry_ms() > 0
    back = int(redis.hget(GLOBAL.windows, "g:hs")) - 60
    redis.hset(GLOBAL.windows, "g:hs", back)  # as if it had been written a minute ago

    await breaker.look()

    assert breaker.retry_ms() == 0


async def test_what_could_not_be_told_is_told_the_next_time(settings, two_breakers, counted):
    fenced = Store(settings.counters_url)  # never opened: nobody answers
    breaker = GlobalBreaker(fenced, minute_n=1000, hourly_n=0)
    breaker.end(A_CALL, 70)
    await breaker.look()

    breaker._store = two_breakers[0]._store
    await breaker.look()

    assert counted() == (70, 70)


async def test_the_last_answer_is_believed_for_a_while_and_then_nothing_is_admitted(settings, monkeypatch):
    breaker = GlobalBreaker(Store(settings.counters_url), minute_n=1000, hourly_n=0)
    heard_at = breaker._heard_at

    waits = []
    for passed_s in (0, module.FORGOTTEN_S, module.FORGOTTEN_S + 0.1):
        monkeypatch.setattr(module.time, "monotonic", lambda passed_s=passed_s: heard_at + passed_s)
        waits.append(breaker.retry_ms())

    assert waits == [0, 0, 5000]


async def test_a_call_that_goes_beyond_its_hold_is_counted_once(start_relay, tiny, caller, counted):
    """It is not settled at once, and may be asked meanwhile how far it is."""
    relay = await start_relay(global_minute_n=10**15)
    gate, breaker = relay.deps.leases.gate, relay.deps.leases.breaker
    wallet = caller.user.wallet
    calling = Caller(caller.key.id, 1, wallet.id, wallet.ver, wallet.bucket, caller.user.id)
    call = Call(
        uuid7(), calling, "a/b", uuid7(), stream=True, app_name="", app_url="",
        want=Want(Nanos(1000), Nanos(100), Nanos(10)), started_at=datetime.now(UTC),
    )  # fmt: skip
    admitted = await gate.admit(call)
    cost = Cost(Nanos(2000), Nanos(2200))

    await asyncio.gather(
        gate.settle(call, admitted, Ending("acme", Usage(), cost, 200, "done"), hold_n=admitted.hold_n),
        gate.checkpoint([(call, admitted, Progress(call.request_id, 1, Cost(Nanos(900), Nanos(990))))]),
    )

    await breaker.look()
    assert counted() == (2000, 2000)
    assert breaker._counted == {}


async def test_while_it_is_open_no_relay_admits_a_call_and_each_says_when_to_come_back(
    start_relay, make, simulator, caller, books
):
    make.provider("acme", base_url=simulator.api_base)
    make.offer("acme/dear", upstream_model="tiny+tokens=10", prices={"input": "0", "output": "1000"})
    limits = {"global_minute_n": 10_000_000}  # what the call costs
    relays = [await start_relay(**limits), await start_relay(**limits)]
    served = await relays[0].post(caller.secret, ask("acme/dear", max_tokens=10))
    await until(lambda: all(relay.deps.leases.breaker.retry_ms() for relay in relays))
    simulator.truth.forget()

    refused = [await relay.post(caller.secret, ask("acme/dear", max_tokens=10)) for relay in relays]

    assert (served.status, [answer.status for answer in refused]) == (200, [503, 503])
    for answer in refused:
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert (await answer.json())["error"] == {
            "message": "The spend circuit breaker of the whole service is open. Try again later.",
            "type": "unavailable_error",
            "code": 503,
        }
    assert simulator.truth.records() == []
    assert books.holds() == []
    assert len(books.charges()) == 1
    rows = await until(lambda: len(found := books.events()) == 3 and found)
    assert sorted((row.status, row.reason) for row in rows) == [
        (200, "done"),
        (503, "breaker_tripped"),
        (503, "breaker_tripped"),
    ]
