"""A call is admitted on leased money or not at all, and settled whatever becomes of Redis meanwhile."""

import asyncio
import time
from dataclasses import replace
from uuid import uuid4

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from core.charging.calls import Admitted, Progress, Settled, Stale, TooFast
from core.charging.generations import Life
from core.counters import requests
from core.counters.requests import Terms
from core.errors import Unavailable
from core.ids import uuid7
from core.rules.admission import Deny
from core.rules.prices import Cost
from core.rules.scopes import Subject
from proxy.leases import gate as gates
from proxy.leases import lender as lenders
from proxy.leases.gate import ClockMoved
from proxy.store.errors import Away
from tests.core.charging.conftest import ending
from tests.proxy.conftest import until
from tests.proxy.leases.conftest import behind


@pytest.fixture
def gate(leases):
    return leases.gate


@pytest.fixture
async def remote(start, server, wire):
    """The charging of a proxy that reaches its own server through a wire."""
    return await start(counters_url=behind(wire, server), keep=True)


def scripts_run(redis):
    stats = redis.info("commandstats")
    return sum(stats[name]["calls"] for name in stats if name in {"cmdstat_evalsha", "cmdstat_eval"})


async def test_a_call_of_a_caller_that_is_known_takes_one_round_trip(gate, counter):
    await gate.admit(counter.call(10))
    before = scripts_run(counter.redis)

    verdict = await gate.admit(counter.call(10))

    assert (verdict.hold_n, scripts_run(counter.redis)) == (10, before + 1)
    assert counter.pool() == {"free": 30, "held": 20, "spent": 0, "granted": 50, "seq": 1}


async def test_an_admitted_call_says_in_which_generation(gate, leases, counter):
    assert (await gate.admit(counter.call(10))).gen == leases.generations.current.name


async def test_the_last_nano_dollar_is_held_and_not_one_more(gate, counter):
    for size, expected in ((990, 990), (9, 9), (1, 1)):
        assert (await gate.admit(counter.call(size))).hold_n == expected

    denied = await gate.admit(counter.call(1))

    assert (denied.scope, denied.needed_n, denied.available_n, denied.held_n) == ("wallet", 1, 0, 1000)
    assert counter.desk.wallet() == (1000, 1000, 0)


async def test_a_part_is_held_when_that_is_all_there_is(gate, counter):
    calls = [counter.call(2000, slice_n=700, floor_n=10) for _ in range(3)]

    verdicts = [await gate.admit(call) for call in calls]

    assert [verdict.hold_n for verdict in verdicts[:2]] == [700, 300]
    assert isinstance(verdicts[2], Deny)


async def test_of_many_at_once_as_many_are_admitted_as_are_paid_for(gate, counter):
    verdicts = await asyncio.gather(*(gate.admit(counter.call(90)) for _ in range(64)))

    admitted = [verdict for verdict in verdicts if isinstance(verdict, Admitted)]
    assert [verdict.hold_n for verdict in admitted] == [90] * 11
    assert all(isinstance(verdict, Deny) for verdict in verdicts if verdict not in admitted)
    assert counter.pool()["held"] == 990


async def test_two_proxies_share_the_pool(start, counter):
    pair = [await start() for _ in range(2)]

    verdicts = await asyncio.gather(
        *(leases.gate.admit(counter.call(90)) for leases in pair for _ in range(32))
    )

    assert sum(isinstance(verdict, Admitted) for verdict in verdicts) == 11


async def test_a_pool_that_ran_out_of_time_is_valid_again_for_the_next_call(gate, counter):
    await gate.admit(counter.call(10))
    counter.redis.hset(counter.keys.pool, "exp", 5)

    assert (await gate.admit(counter.call(10))).hold_n == 10


async def test_a_pool_that_is_never_valid_is_not_asked_for_ever(gate, counter, monkeypatch):
    monkeypatch.setattr(lenders, "REDIS_VALID_MS", 0)
    with pytest.raises(Unavailable) as refused:
        await gate.admit(counter.call(10))

    assert refused.value.retry_after_s == 1
    assert counter.pool()["held"] == 0
    assert counter.hold(counter.call()) == {}


async def test_redis_that_is_behind_is_told(gate, counter):
    """A change whose sender could not reach Redis is known to who read the grant after it."""
    await gate.admit(counter.call(10))
    counter.desk.run("UPDATE wallets SET ver = ver + 1 WHERE id = :w", w=counter.desk.wallet_id)

    assert isinstance(await gate.admit(counter.call(10)), Admitted)


@pytest.mark.parametrize("version", ["wallet_ver", "key_ver"])
async def test_a_grant_that_is_behind_is_read_again(gate, leases, counter, version):
    call = counter.call(10)
    caller = replace(call.caller, **{version: getattr(call.caller, version) + 1})
    await leases.lender.tell_versions(caller)
    before = scripts_run(counter.redis)

    assert await gate.admit(call) == Stale()

    assert scripts_run(counter.redis) - before <= 6  # it asked once more after it told, and gave up
    assert isinstance(await gate.admit(structs.replace(counter.call(10), caller=caller)), Admitted)


@pytest.mark.parametrize(
    "what", ["wallets SET ver = ver + 1 WHERE id = :w", "api_keys SET ver = ver + 1 WHERE id = :k"]
)
async def test_a_change_is_not_forgotten_with_redis(gate, counter, what):
    """Of two proxies one had not heard of it when Redis lost it too."""
    call = counter.call(10)
    ids = {"w": counter.desk.wallet_id, "k": counter.desk.key_id}
    counter.desk.run(f"UPDATE {what}", **{name: ids[name] for name in ids if f":{name}" in what})
    counter.redis.flushall()

    assert await gate.admit(call) == Stale()
    assert (await gate.admit(counter.call(10))).hold_n == 10


async def test_a_call_that_was_settled_is_not_admitted_again(gate, leases, counter):
    call = counter.call(10)
    verdict = await gate.admit(call)
    await gate.settle(call, verdict, ending(7), hold_n=10)

    assert await gate.admit(call) == Stale()


async def test_a_request_id_of_another_day_moves_the_clock(gate, leases, counter):
    yesterday = int(time.time() * 1000) - 86_400_000
    leases.clock.set(yesterday)

    with pytest.raises(ClockMoved):
        await gate.admit(counter.call(10, request_id=uuid7(leases.clock.now_ms())))

    assert abs(leases.clock.now_ms() - time.time() * 1000) < 1000
    assert counter.pool()["held"] == 0


async def test_a_limit_that_only_a_bound_reaches_is_asked_again_later(gate, leases, counter):
    """Calls of the generation before may still be running: more may be left than is known."""
    subject = Subject("key", counter.desk.key_id, 300, "day")
    caller = counter.desk.caller(subjects=(subject,))
    await gate.admit(structs.replace(counter.call(100), caller=caller))
    counter.redis.flushall()

    with pytest.raises(Unavailable) as refused:
        await gate.admit(structs.replace(counter.call(100), caller=caller))

    assert refused.value.retry_after_s in {1, 2}
    counter.desk.close(1)
    for field in counter.redis.hkeys(counter.keys.counters):
        if field.endswith(b":bx"):  # until when the bound holds
            counter.redis.hset(counter.keys.counters, field, 5)
    assert isinstance(await gate.admit(structs.replace(counter.call(100), caller=caller)), Admitted)


async def test_money_that_comes_in_counts_at_once(gate, counter):
    await gate.admit(counter.call(1000))
    assert isinstance(await gate.admit(counter.call(10)), Deny)

    counter.desk.grant(50)

    assert (await gate.admit(counter.call(50))).hold_n == 50


async def test_money_a_call_gives_back_counts_at_once(gate, leases, counter):
    call = counter.call(1000)
    verdict = await gate.admit(call)
    assert isinstance(await gate.admit(counter.call(10)), Deny)

    await leases.settler.send(requests.ended(call, ending(400), gen=verdict.gen, hold_n=1000))

    assert (await gate.admit(counter.call(600))).hold_n == 600


async def test_a_pool_that_runs_low_is_filled_before_it_is_empty(gate, counter):
    await gate.admit(counter.call(10))
    for _ in range(3):
        await gate.admit(counter.call(10))

    await until(lambda: counter.pool()["seq"] == 2)


async def test_a_hold_whose_answer_was_lost_is_released(remote, wire, far):
    await remote.gate.admit(far.call(100))
    wire.deaf = True
    call = far.call(100)
    admission = asyncio.create_task(remote.gate.admit(call))
    await until(lambda: far.hold(call))

    with pytest.raises(Unavailable):
        await admission
    wire.cut()
    wire.deaf = False

    await until(lambda: far.tombstone(call))
    assert far.hold(call) == {}
    assert far.pool()["held"] == 100
    far.book()
    assert far.usage() == [(2, 0, "unavailable")]
    assert far.desk.usage(call).status == 503
    assert far.desk.rows("SELECT * FROM spends") == []


async def test_an_admission_that_comes_after_it_was_given_up_holds_nothing(gate, leases, counter):
    """The two go to the server on connections of their own: nobody says which is first."""
    await gate.admit(counter.call(10))
    call, life = counter.call(10), leases.generations.current
    await gate.void(call)
    await until(lambda: counter.tombstone(call))

    terms = Terms(life.name, leases.boot_id.hex.encode(), 5000)
    late = requests.admit(call, terms, now_ms=call.request_id.int >> 80, partial=False)
    answer = await leases.store.run(late.script, tag=late.bucket.tag, keys=late.keys, args=late.args)

    assert answer == [b"DONE"]
    assert counter.pool()["held"] == 10


async def test_what_is_told_of_the_rate_is_what_the_next_admission_counts_from(gate, leases, counter):
    leases.clock.set(0)  # ours is wrong: that of Redis counts
    told = [await gate.rate(counter.call(10, rpm=3).caller)]
    verdicts = []

    for _ in range(4):
        verdicts.append(await gate.admit(counter.call(10, rpm=3)))
        told += [await gate.rate(counter.call(10, rpm=3).caller) for _ in range(2)]

    assert (told[0].limit, told[0].remaining) == (3, 3)
    assert [verdict.rate.remaining for verdict in verdicts] == [2, 1, 0, 0]
    assert told[1:] == [verdict.rate for verdict in verdicts for _ in range(2)]
    assert isinstance(verdicts[3], TooFast)


async def test_a_caller_without_a_limit_and_one_nobody_counts_for_are_told_of_none(gate, leases, counter):
    free, limited = counter.call(10).caller, counter.call(10, rpm=3).caller
    leases.store.allowed = "others"

    assert (await gate.rate(free), await gate.rate(limited)) == (None, None)


async def test_what_was_never_sent_is_not_settled(gate, leases, counter):
    leases.store.allowed = "others"

    with pytest.raises(Unavailable):
        await gate.admit(counter.call(10))

    assert leases.settler.sender.underway == {}


async def test_a_script_that_fails_holds_nothing_and_nothing_is_sent_after_it(gate, leases, counter):
    """Out of memory, say: a settlement for each call that was refused would make it worse."""
    await gate.admit(counter.call(10))
    counter.redis.set(counter.keys.rates, "not what it should be")
    call = counter.call(10, rpm=60)

    with pytest.raises(Unavailable):
        await gate.admit(call)

    assert counter.hold(call) == {}
    assert leases.settler.sender.underway == {}


async def test_a_call_nobody_waits_for_any_more_leaves_no_hold_for_longer_than_its_deadline(
    remote, wire, far
):
    """Neither the answer to the admission nor the void comes through, and then the proxy is gone."""
    await remote.gate.admit(far.call(100))
    wire.deaf = True
    call = far.call(100)
    admission = asyncio.create_task(remote.gate.admit(call))
    await until(lambda: far.hold(call))
    wire.to = 1
    wire.cut()
    with pytest.raises(Unavailable):
        await admission

    far.redis.zadd(
        far.keys.bucket.deadlines, dict.fromkeys(far.redis.zrange(far.keys.bucket.deadlines, 0, -1), 0)
    )
    assert far.ledger().sweep() == 2

    assert far.pool()["held"] == 0
    far.book()
    assert sorted(far.usage()) == [(1, 0, "orphaned"), (1, 0, "orphaned")]


async def test_a_hold_grows_with_its_call(gate, counter):
    call = counter.call(500, slice_n=100, floor_n=100)
    await gate.admit(counter.call(700))
    verdict = await gate.admit(call)
    assert verdict.hold_n == 100

    added = [await gate.extend(call, verdict, more_n=100) for _ in range(4)]

    assert added == [100, 100, 0, 0]  # to the last nano-dollar
    assert counter.hold(call)["h"] == "300"
    assert counter.pool()["free"] == 0


async def test_an_extension_leases_what_the_pool_lacks(gate, counter):
    call = counter.call(10)
    verdict = await gate.admit(call)
    assert counter.pool()["granted"] == 50

    assert await gate.extend(call, verdict, more_n=300) == 300

    assert counter.hold(call)["h"] == "310"


async def test_a_hold_that_is_gone_does_not_grow(gate, leases, counter):
    call = counter.call(10)
    verdict = await gate.admit(call)
    await leases.settler.send(requests.ended(call, ending(7), gen=verdict.gen, hold_n=10))

    assert await gate.extend(call, verdict, more_n=100) == 0
    assert counter.pool()["held"] == 0


@pytest.mark.parametrize("known", [True, False])
async def test_a_hold_of_an_earlier_generation_does_not_grow(gate, leases, counter, known):
    call = counter.call(10)
    verdict = await gate.admit(call)
    counter.redis.flushall()
    if known:
        await leases.generations.lost()

    assert await gate.extend(call, verdict, more_n=100) == 0


async def test_a_charge_its_hold_covers_is_settled_without_waiting(gate, leases, counter):
    call = counter.call(100)
    verdict = await gate.admit(call)

    assert gate.settle_now(call, verdict, ending(60), hold_n=100) == Settled("settled", 60)

    assert [end.request_id for end in leases.settler.spool.pending()] == [call.request_id]
    await until(counter.events)


async def test_a_charge_above_its_hold_waits_for_what_there_is(gate, counter):
    call, other = counter.call(100), counter.call(500)
    verdict = await gate.admit(call)
    await gate.admit(other)

    assert gate.settle_now(call, verdict, ending(800), hold_n=100) is None
    assert counter.events() == []
    settled = await gate.settle(call, verdict, ending(800), hold_n=100)

    assert settled == Settled("settled", 500)  # the other call's 500 are its own
    assert counter.pool() | {"seq": 0} == {"free": 0, "held": 500, "spent": 500, "granted": 1000, "seq": 0}
    counter.book()
    assert counter.desk.wallet() == (500, 500, 0)
    assert counter.desk.usage(call).upstream_n == 800


async def test_a_charge_above_its_hold_stays_within_its_limits(gate, counter):
    subject = Subject("key", counter.desk.key_id, 300, "day")
    call = counter.call(100, subjects=(subject,))
    verdict = await gate.admit(call)

    assert (await gate.settle(call, verdict, ending(800), hold_n=100)).charge_n == 300


async def test_a_settlement_without_redis_comes_back_soon_with_what_is_certain(
    remote, wire, far, monkeypatch
):
    monkeypatch.setattr(gates, "SETTLE_WAIT_S", 0.2)
    call = far.call(100)
    verdict = await remote.gate.admit(call)
    wire.deaf = True
    wire.cut()

    settled = await remote.gate.settle(call, verdict, ending(250), hold_n=100)

    assert settled == Settled("settled", 100)  # and nobody was there who could have said more
    wire.deaf = False
    await until(far.events)
    far.book()
    assert far.usage() == [(2, 250, "done")]  # there was more, and it was taken


async def test_what_a_call_costs_is_written_down_before_redis_is_asked_for_anything(remote, wire, far):
    call = far.call(100)
    verdict = await remote.gate.admit(call)
    wire.deaf = True

    settling = asyncio.create_task(remote.gate.settle(call, verdict, ending(250), hold_n=100))
    await asyncio.sleep(0)

    (end,) = remote.settler.spool.pending()
    assert (end.request_id, end.charge_n, end.hold_n) == (call.request_id, 250, 100)
    wire.cut()
    wire.deaf = False
    assert (await settling).charge_n in {100, 250}


async def test_a_call_of_one_generation_is_settled_in_the_next_at_what_it_held(gate, leases, counter):
    calls = [counter.call(100) for _ in range(2)]
    verdicts = [await gate.admit(call) for call in calls]
    counter.redis.flushall()
    assert isinstance(await gate.admit(counter.call(100)), Admitted)
    pool = counter.pool()

    settled = [
        await gate.settle(call, verdict, ending(charge), hold_n=100)
        for call, verdict, charge in zip(calls, verdicts, (60, 250), strict=True)
    ]

    assert [one.charge_n for one in settled] == [60, 100]
    assert counter.pool() == pool  # this generation's money is not touched
    await until(lambda: len(counter.events()) == 2)
    counter.book()
    assert counter.desk.pool(1) == (400, 160, 0, "active")
    assert counter.usage() == [(2, 60, "done"), (2, 100, "done")]


async def test_checkpoints_of_an_earlier_generation_do_no_harm(gate, leases, counter):
    call = counter.call(100)
    verdict = await gate.admit(call)
    counter.redis.flushall()
    await leases.generations.lost()

    await gate.checkpoint([(call, verdict, Progress(call.request_id, 5, Cost(6, 7)))])

    assert counter.hold(call) == {}


async def test_a_checkpoint_is_a_sign_of_life(gate, counter):
    call = counter.call(100)
    verdict = await gate.admit(call)
    deadlines = counter.keys.bucket.deadlines
    (member,) = counter.redis.zrange(deadlines, 0, -1)
    counter.redis.zadd(deadlines, {member: 5})

    await gate.checkpoint([(call, verdict, Progress(call.request_id, 5, Cost(6, 7)))])

    assert counter.redis.zscore(deadlines, member) > time.time() * 1000 + 4000
    assert [counter.hold(call)[name] for name in ("m", "mu", "mt")] == ["7", "6", "5"]


async def test_a_checkpoint_that_reaches_nobody_says_so(gate, leases, counter):
    call = counter.call(100)
    verdict = await gate.admit(call)
    leases.store.allowed = None

    with pytest.raises(Away):
        await gate.checkpoint([(call, verdict, Progress(call.request_id))])


async def test_with_a_full_disk_calls_end_and_none_begins(gate, leases, counter):
    call = counter.call(100)
    verdict = await gate.admit(call)
    (leases.settler.spool.directory / "00000001.spool").symlink_to("/dev/full")
    (leases.settler.spool.directory / "00000002.spool").symlink_to("/dev/full")
    (leases.settler.spool.directory / "probe").symlink_to("/dev/full")

    with capture_logs() as logs:
        assert gate.settle_now(call, verdict, ending(60), hold_n=100) is None
        assert await gate.settle(call, verdict, ending(60), hold_n=100) == Settled("settled", 60)

    assert {log["event"] for log in logs} == {"spool_not_written"}
    assert leases.fault() == "spool cannot be written"
    with pytest.raises(Unavailable):
        await gate.admit(counter.call(100))
    counter.book()
    assert counter.usage() == [(2, 60, "done")]
    for _ in range(2):  # the first look clears the disk, so to say
        await leases.settler.look()
    assert leases.fault() is None
    assert isinstance(await gate.admit(counter.call(100)), Admitted)


async def test_with_a_full_disk_and_no_redis_a_settlement_is_waited_for(remote, wire, far, monkeypatch):
    monkeypatch.setattr(gates, "SETTLE_WAIT_S", 0.05)
    call = far.call(100)
    verdict = await remote.gate.admit(call)
    (remote.settler.spool.directory / "00000001.spool").symlink_to("/dev/full")
    wire.deaf = True
    wire.cut()

    settling = asyncio.create_task(remote.gate.settle(call, verdict, ending(60), hold_n=100))
    done, _ = await asyncio.wait([settling], timeout=0.3)
    assert not done

    wire.deaf = False
    assert await settling == Settled("settled", 60)


async def test_no_call_is_admitted_while_no_generation_is_known(gate, leases, counter):
    leases.generations.current = None

    with pytest.raises(Unavailable):
        await gate.admit(counter.call(10))


async def test_a_generation_nobody_knows_is_not_asked_for_ever(gate, leases, counter, monkeypatch):
    """What is known and what Redis has never agree: eight times, and no hold."""
    asked = []

    async def found(self):
        asked.append(self.current)
        return True

    await gate.admit(counter.call(10))
    leases.generations.current = Life(1, leases.store.fingerprint, 5)
    monkeypatch.setattr(type(leases.generations), "lost", found)

    with pytest.raises(Unavailable):
        await gate.admit(counter.call(10))

    assert len(asked) == gates.TRIES
    assert counter.pool()["held"] == 10


async def test_calls_of_members_and_teams_are_charged_to_their_budgets(gate, leases, counter):
    member, team = uuid4(), uuid4()
    subjects = (
        Subject("key", counter.desk.key_id),
        Subject("member", member, 250),
        Subject("team", team, 150),
    )
    caller = counter.desk.caller(subjects=subjects, member_id=member, team_id=team)

    verdicts = [await gate.admit(structs.replace(counter.call(100), caller=caller)) for _ in range(2)]

    assert verdicts[0].hold_n == 100
    assert (verdicts[1].scope, verdicts[1].limit_n, verdicts[1].held_n) == ("team", 150, 100)
