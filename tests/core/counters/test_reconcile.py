"""Redis and PostgreSQL say the same of a wallet at every step of its calls; every damage is found."""

import random
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from uuid import UUID

import pytest

from core.counters import proof, requests, views
from core.counters.client import Counters
from core.counters.proof import (
    ADDS_UP,
    BASES,
    COUNTERS_HOLD,
    COUNTERS_SPENT,
    DEADLINES,
    GRANTED,
    HOLDS,
    RETURNED,
    SPENT,
)
from core.counters.reconcile import Reconciler
from core.ids import uuid7
from core.rules.periods import DAY_MS
from core.rules.scopes import Quota, Subject
from tests.proxy.store.servers import own_cluster
from worker.drain import Drain
from worker.streams import RedisStreams

TEN_USD = 10_000_000_000
TEAM, PLAN = UUID(int=7), UUID(int=8)


@pytest.fixture
def wrong(engine, counters):
    """What differs: check, subject, expected, found."""
    reconciler = Reconciler(engine, counters)

    def proved():
        done = reconciler.prove()
        assert (done.in_motion, done.unknown) == (0, 0)
        return [(one.check, one.subject, one.expected, one.found) for one in done.differences]

    return proved


def team_caller(lease):
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    window = (midnight, midnight + timedelta(days=1))
    return lease.caller(
        team_id=TEAM,
        subjects=(Subject("key", lease.key.id), Subject("team", TEAM, TEN_USD, "week")),
        quotas=(
            *(Quota("plan", PLAN, unit, 10**12, *window) for unit in ("usd", "tokens", "points", "requests")),
        ),
    )


def today(lease):
    return int(lease.counters.redis.time()[0]) * 1000 // DAY_MS


def key_field(lease, what):
    return f"k:{lease.key.id.hex}@d{today(lease)}:{what}"


def month_field(lease, what):
    return next(name for name in lease.counted() if "@m" in name and name.endswith(f":{what}"))


def sweep(lease, call, charge_n):
    lease.checkpoint(call, charge_n)
    lease.silence(call)
    lease.counters.run(requests.sweep(lease.caller().bucket, lease.key.wallet_id, call.request_id))


def test_every_step_of_a_call_adds_up(lease, wrong):
    call = lease.call(1000, caller=team_caller(lease), tokens=500, points=3)
    found = []

    for step in (
        lambda: lease.admit(call),
        lambda: lease.extend(call, 300),
        lambda: lease.checkpoint(call, 50),
        lambda: lease.settle(call, 700),
        lease.book,
    ):
        step()
        found += wrong()

    assert found == []
    assert lease.wallet().balance_n == TEN_USD - 700


def test_a_late_final_adds_up_before_and_after_both_are_booked(lease, wrong):
    caller = team_caller(lease)
    late, later, free = (lease.admitted(1000, caller=caller, tokens=500, points=3) for _ in range(3))
    found = []

    for step in (
        lambda: sweep(lease, late, 400),
        lambda: lease.settle(late, 150),  # both events wait
        lambda: sweep(lease, later, 400),
        lease.book,
        lambda: lease.settle(later, 500),  # one is booked
        lambda: sweep(lease, free, 0),
        lease.book,
        lambda: lease.settle(free, 0, status=502),  # part of no sum
        lease.book,
    ):
        step()
        found += wrong()

    assert found == []
    assert lease.pool()["spent"] == 650


def test_events_that_are_booked_and_not_removed_count_once(lease, engine, wrong):
    class Kept(RedisStreams):
        def remove(self, event_ids):
            pass

    lease.charged(1000, 300)
    lease.recall(50)
    Drain(engine, Kept(lease.counters)).round()

    assert wrong() == []


def test_a_lease_on_its_way_adds_up(lease, wrong):
    lease.lend(1000)
    lease.run("UPDATE pools SET seq = seq + 1, granted_n = granted_n + 9")
    lease.run("INSERT INTO leases (wallet_id, gen, seq, amount_n) SELECT wallet_id, gen, seq, 9 FROM pools")
    lease.run("UPDATE wallets SET leased_n = leased_n + 9 WHERE leased_n > 0")

    before = wrong()
    lease.hand_over()

    assert (before, wrong()) == ([], [])


def test_what_was_set_aside_is_still_on_its_way(lease, wrong):
    lease.charged(1000, 300)
    [(_, fields)] = lease.stream()
    lease.counters.redis.delete(lease.keys.bucket.stream)
    lease.counters.redis.xadd(lease.keys.bucket.stream, {**fields, "f": "unreadable"})

    lease.book()

    assert lease.wallet().balance_n == TEN_USD
    assert wrong() == []


def test_another_generation_adds_up_with_calls_of_the_one_before(lease, wrong):
    old = lease.charged(1000, 300, caller=team_caller(lease))
    lease.book()
    running = lease.admitted(1000)
    end = lease.ended(running, 200)
    lease.recall(5)
    lease.open_generation()
    lease.charged(1000, 100)
    found = wrong()
    lease.counters.run(requests.settlement(end))
    found += wrong()

    lease.book()

    assert found + wrong() == []
    assert lease.settle(old, 900) == ("DUP", 300)
    assert lease.wallet().balance_n == TEN_USD - 600


@pytest.mark.parametrize("seed", range(3))
def test_any_history_adds_up_at_every_step(open_lease, wrong, seed):
    chance = random.Random(seed)
    desks = [open_lease(), open_lease(spend_limit_n=TEN_USD, spend_limit_period="week")]
    running, ended, found = [], [], []
    for _ in range(40):
        desk = chance.choice(desks)
        match chance.choice(["admit", "settle", "settle", "sweep", "late", "recall", "book", "extend"]):
            case "admit":
                running.append((desk, desk.admitted(chance.randint(0, 1000))))
            case "settle" if running:
                ended.append(running.pop(chance.randrange(len(running))))
                ended[-1][0].settle(ended[-1][1], chance.randint(0, 1500))
            case "sweep" if running:
                ended.append(running.pop(chance.randrange(len(running))))
                sweep(*ended[-1], chance.randint(0, 500))
            case "late" if ended:
                late, call = chance.choice(ended)
                late.settle(call, chance.randint(0, 1000))
            case "recall":
                desk.recall(chance.randint(0, 100))
            case "extend" if running:
                running[-1][0].extend(running[-1][1], chance.randint(0, 100))
            case "book":
                desk.book()
        found += wrong()

    assert found == []


def test_nothing_is_wrong_while_calls_go_on(open_lease, engine, counters):
    desks, over = [open_lease() for _ in range(3)], Event()

    def charge():
        while not over.is_set():
            for desk in desks:
                desk.charged(1000, 7)

    def book():
        while not over.is_set():
            desks[0].book()

    threads = [Thread(target=charge), Thread(target=book)]
    for thread in threads:
        thread.start()
    reconciler = Reconciler(engine, counters)
    done = []
    while len(done) < 20 or not any(one.proved for one in done):  # mostly, all are in motion
        done.append(reconciler.prove())
    over.set()
    for thread in threads:
        thread.join(30)

    assert [one.differences for one in done if one.differences] == []


def test_many_counters_are_looked_through_in_steps(lease, wrong):
    lease.charged(1000, 300)
    many = {f"k:{uuid7().hex}@d{today(lease)}:h": 0 for _ in range(3000)}
    lease.counters.redis.hset(lease.keys.counters, mapping=many)
    assert wrong() == []
    odd = next(iter(many))

    lease.counters.redis.hset(lease.keys.counters, odd, 5)
    lease.counters.redis.hincrby(lease.keys.counters, key_field(lease, "s"), 2)

    wallet = lease.key.wallet_id
    assert wrong() == [
        (COUNTERS_HOLD, f"{wallet} {odd}", 0, 5),
        (COUNTERS_SPENT, f"{wallet} {key_field(lease, 's')}", 300, 302),
    ]


def test_what_is_too_much_to_look_through_is_not_said_to_be_proved(lease, engine, counters, monkeypatch):
    monkeypatch.setattr(views, "MOST", 2)
    for _ in range(3):
        lease.charged(1000, 10)
    behind = Reconciler(engine, counters).prove()
    lease.book()
    for _ in range(3):
        lease.admitted(1000)

    crowded = Reconciler(engine, counters).prove()

    for done in (behind, crowded):
        assert (done.differences, done.proved, done.in_motion) == ([], 0, 1)


def test_redis_of_another_generation_is_not_compared(lease, engine, counters):
    lease.charged(1000, 10)
    counters.redis.set(lease.keys.bucket.generation, "9:9")

    done = Reconciler(engine, counters).prove()

    assert (done.differences, done.proved, done.unknown) == ([], 0, 1)


def test_only_pools_used_lately_are_looked_at_when_asked_to(open_lease, engine, counters):
    busy, idle = open_lease(), open_lease()
    for desk in (busy, idle):
        desk.lend(1000)
    idle.run(
        "UPDATE pools SET used_at = now() - interval '1 hour' WHERE wallet_id = :w", w=idle.key.wallet_id
    )
    reconciler = Reconciler(engine, counters)

    proved = [
        reconciler.prove(within_s=60).proved,
        reconciler.prove().proved,
        reconciler.prove(limit=1).proved,
    ]

    assert proved == [1, 2, 1]


def test_before_the_first_generation_there_is_nothing_to_prove(engine, counters):
    assert Reconciler(engine, counters).prove().proved == 0


def test_a_cluster_is_proved_like_one_server(open_lease, engine):
    with own_cluster() as nodes:
        many = Counters(nodes[0].url)
        desks = [open_lease(on=many) for _ in range(4)]
        for desk in desks:
            desk.charged(1000, 10)
            desk.admitted(1000)

        done = Reconciler(engine, many).prove()
        desks[2].counters.redis.hincrby(desks[2].keys.pool, "free", 1)
        damaged = Reconciler(engine, many).prove()

        assert (done.differences, done.proved) == ([], 4)
        assert [(one.check, one.subject) for one in damaged.differences] == [
            (ADDS_UP, str(desks[2].key.wallet_id))
        ]
        many.close()


# Every kind of damage: what is done to a wallet with a call that runs (hold 1000) and one that was booked (300).


def pool(lease, **by):
    for name, amount in by.items():
        lease.counters.redis.hincrby(lease.keys.pool, name, amount)


def counter(lease, field, by):
    lease.counters.redis.hincrby(lease.keys.counters, field, by)


DAMAGES = {
    "money from nowhere": (lambda desk: pool(desk, free=1), {ADDS_UP}),
    "more held than its calls do": (lambda desk: pool(desk, free=-5, held=5), {HOLDS}),
    "less held than its calls do": (lambda desk: pool(desk, free=5, held=-5), {HOLDS}),
    "a pool of something else than numbers": (
        lambda desk: desk.counters.redis.hset(desk.keys.pool, "free", "many"),
        {ADDS_UP},
    ),
    "a counter of something else than numbers": (
        lambda desk: desk.counters.redis.hset(desk.keys.counters, key_field(desk, "s"), "nan"),
        {COUNTERS_SPENT},
    ),
    "a hold of something else than numbers": (
        lambda desk: desk.counters.redis.hset(next(desk.counters.redis.scan_iter("bl:*:H:*")), "h", "1e3"),
        {HOLDS, COUNTERS_HOLD},
    ),
    "a lease taken up twice": (lambda desk: pool(desk, free=5, granted=5), {GRANTED}),
    "a return nobody hears of": (lambda desk: pool(desk, free=-5, returned=5), {RETURNED}),
    "spent and not settled": (lambda desk: pool(desk, free=-5, spent=5), {SPENT}),
    "settled and not spent": (lambda desk: pool(desk, free=5, spent=-5), {SPENT}),
    "a counter that holds more": (lambda desk: counter(desk, key_field(desk, "h"), 5), {COUNTERS_HOLD}),
    "a counter that holds less": (lambda desk: counter(desk, month_field(desk, "h"), -5), {COUNTERS_HOLD}),
    "a call at once too many": (lambda desk: counter(desk, f"n:{desk.key.id.hex}", 1), {COUNTERS_HOLD}),
    "a day counted too high": (lambda desk: counter(desk, key_field(desk, "s"), 5), {COUNTERS_SPENT}),
    "a month counted too low": (lambda desk: counter(desk, month_field(desk, "s"), -5), {COUNTERS_SPENT}),
    "a day that is gone": (
        lambda desk: desk.counters.redis.hdel(desk.keys.counters, key_field(desk, "s")),
        {COUNTERS_SPENT},
    ),
    "a hold counter that is gone": (
        lambda desk: desk.counters.redis.hdel(desk.keys.counters, key_field(desk, "h")),
        {COUNTERS_HOLD},
    ),
    "counters that are gone": (lambda desk: desk.counters.redis.delete(desk.keys.counters), {COUNTERS_HOLD}),
    "a pool that is gone": (
        lambda desk: desk.counters.redis.delete(desk.keys.pool),
        {HOLDS, SPENT},
    ),
    "another start of a limit": (
        lambda desk: counter(desk, f"t:{TEAM.hex}@w{monday(desk)}:b", 5),
        {BASES},
    ),
    **{
        f"a quota of {unit} counted too high": (
            lambda desk, unit=unit: counter(desk, plan_field(desk, unit, "s"), 5),
            {COUNTERS_SPENT},
        )
        for unit in ("usd", "tokens", "points", "requests")
    },
    "a quota counted too low": (
        lambda desk: counter(desk, plan_field(desk, "tokens", "s"), -5),
        {COUNTERS_SPENT},
    ),
    "a quota that holds more": (
        lambda desk: counter(desk, plan_field(desk, "points", "h"), 5),
        {COUNTERS_HOLD},
    ),
    "another start of a quota": (lambda desk: counter(desk, plan_field(desk, "requests", "b"), 5), {BASES}),
    "a quota's use that was changed": (
        lambda desk: desk.run("UPDATE spends SET tokens = tokens + 5 WHERE scope = 'p'"),
        {COUNTERS_SPENT},
    ),
    "a posting that was changed": (
        lambda desk: desk.run("UPDATE pools SET posted_n = posted_n + 5"),
        {SPENT},
    ),
    "a lease that was changed": (
        lambda desk: desk.run("UPDATE leases SET amount_n = amount_n + 5"),
        {GRANTED},
    ),
    "a use that was changed": (
        lambda desk: desk.run("UPDATE spends SET charge_n = charge_n + 5 WHERE scope = 't'"),
        {COUNTERS_SPENT},
    ),
}


def plan_field(lease, unit, what):
    [name] = [quota.name for quota in team_caller(lease).quotas if quota.unit == unit]
    return f"{name}:{what}"


def monday(lease):
    return today(lease) - (today(lease) + 3) % 7  # 1970 began on a Thursday


@pytest.fixture
def damaged(lease):
    lease.charged(1000, 300, caller=team_caller(lease))
    lease.book()
    lease.admitted(1000, caller=team_caller(lease))
    lease.load(team_caller(lease))
    yield lease
    # The books are proved after every test.
    lease.run("UPDATE pools SET posted_n = 300")
    lease.run("UPDATE leases SET amount_n = (SELECT granted_n FROM pools)")
    lease.run(
        "UPDATE spends SET charge_n = 300, tokens = (SELECT input_tokens + output_tokens FROM usage_events)"
    )


@pytest.mark.parametrize(("damage", "checks"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_found(damaged, wrong, damage, checks):
    assert wrong() == []

    damage(damaged)

    assert {check for check, *_ in wrong()} == checks
    assert all(str(damaged.key.wallet_id) in subject for _, subject, *_ in wrong())


def test_a_lost_event_is_found(lease, wrong):
    lease.charged(1000, 300)
    assert wrong() == []

    lease.counters.redis.delete(lease.keys.bucket.stream)

    found = wrong()
    assert (SPENT, str(lease.key.wallet_id), 0, 300) in found
    assert {check for check, *_ in found} == {SPENT, COUNTERS_SPENT}


def test_a_lost_hold_is_found(lease, wrong):
    call = lease.admitted(1000)

    lease.counters.redis.delete(lease.keys.bucket.hold(call.request_id))

    found = wrong()
    wallet = str(lease.key.wallet_id)
    assert [one for one in found if one[0] in {HOLDS, DEADLINES}] == [
        (DEADLINES, wallet, 0, 1),
        (HOLDS, wallet, 0, 1000),
    ]
    assert {check for check, *_ in found} == {HOLDS, DEADLINES, COUNTERS_HOLD}


def test_a_deadline_that_is_gone_is_found_by_what_nobody_holds(lease, wrong):
    lease.admitted(1000)

    lease.counters.redis.delete(lease.keys.bucket.deadlines)

    assert (HOLDS, str(lease.key.wallet_id), 0, 1000) in wrong()


def test_every_check_has_a_damage_it_finds():
    found = {check for _, checks in DAMAGES.values() for check in checks} | {DEADLINES}

    assert found == set(proof.CHECKS)
