"""Between two generations of Redis: what of the one before is over, and what is charged meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from core.charging import generations, pools
from core.charging.bases import BOUND_MS, bases_of
from core.charging.booking import book
from core.charging.calls import (
    FINAL,
    Admitted,
    Elsewhere,
    Entry,
    Settled,
    TooFast,
    Unsettled,
    base_facts,
    final_facts,
)
from core.charging.generations import OBJECTION_S, STAY_S, VACANT, Outlook
from core.charging.holds import admit
from core.counters.events import lost_entry
from core.counters.requests import ended
from core.rules.admission import Deny
from tests.core.charging.conftest import ending


@pytest.fixture
def open_next(desk):
    """Opens generations, as a proxy does that finds other servers; returns their numbers."""

    def opened(fingerprint="a"):
        with desk.engine.begin() as connection:
            generations.lock(connection)
            return generations.open_next(connection, fingerprint=fingerprint, since_ms=0).gen

    return opened


def lend(desk, gen, want_n=100):
    with desk.engine.begin() as connection:
        return pools.grant(connection, wallet_id=desk.wallet_id, gen=gen, want_n=want_n)


def test_nothing_is_lent_to_a_generation_that_is_over(desk, open_next):
    over = open_next("a")
    open_next("b")

    assert lend(desk, over) is None

    assert desk.rows("SELECT * FROM pools") == []
    assert desk.row("SELECT leased_n FROM wallets WHERE id = :w", w=desk.wallet_id).leased_n == 0


def test_no_generation_opens_while_money_is_lent_to_the_one_before(desk, open_next):
    gen = open_next()
    with desk.engine.connect() as lending, desk.engine.connect() as opening:
        pools.grant(lending, wallet_id=desk.wallet_id, gen=gen, want_n=100)
        opening.execute(text("SET LOCAL lock_timeout = '50ms'"))

        with pytest.raises(OperationalError, match="lock timeout"):
            generations.lock(opening)

        lending.commit()
    open_next()
    assert lend(desk, gen) is None


@pytest.fixture
def vacate(desk):
    """Says that nobody has Redis."""

    def vacated():
        with desk.engine.begin() as connection:
            generations.vacate(connection)

    return vacated


def post(desk, call, charge_n, gen):
    """Book a call that was admitted in Redis."""
    facts = {**base_facts(call), **final_facts(ending(charge_n))}
    with desk.engine.begin() as connection:
        book(connection, [Entry(call.request_id, desk.wallet_id, FINAL, charge_n, facts, gen=gen)])


def close(desk, *gens):
    with desk.engine.begin() as connection:
        pools.close(connection, wallet_id=desk.wallet_id, gens=gens)


def bases(desk, gen):
    """What Redis is told of the key's limit: how much is used, and for how long that is believed."""
    call = desk.call(1)
    with desk.engine.connect() as connection:
        known = bases_of(connection, call.caller, gen=gen, now_ms=call.request_id.int >> 80)
    return known.subjects[0][1], known.holds_ms


# Who may admit.


def test_calls_are_admitted_in_one_place_at_a_time(desk, open_next, vacate):
    assert isinstance(desk.admit(desk.call(10)), Admitted)

    open_next()
    assert desk.admit(desk.call(10)) == Elsewhere()

    vacate()
    assert isinstance(desk.admit(desk.call(10)), Admitted)

    open_next()
    assert desk.admit(desk.call(10)) == Elsewhere()


def test_asking_again_finds_the_hold_whatever_opened_since(desk, open_next):
    call = desk.admitted(10)
    open_next()

    assert desk.admit(call) == Admitted(10)
    assert desk.purse() == (1000, 10)


def test_no_generation_opens_while_a_call_is_admitted(desk, vacate):
    vacate()
    with desk.engine.connect() as admitting, desk.engine.connect() as opening:
        admit(admitting, desk.call(10), boot_id=uuid4(), hold_s=60)
        opening.execute(text("SET LOCAL lock_timeout = '50ms'"))

        with pytest.raises(OperationalError, match="lock timeout"):
            generations.lock(opening)


def test_nobody_has_redis_is_said_once(desk, open_next, vacate):
    first = open_next()
    lend(desk, first)

    vacate()
    vacate()

    assert [row.fingerprint for row in desk.rows("SELECT * FROM generations ORDER BY gen")] == ["a", VACANT]
    assert lend(desk, first) is None


def test_it_is_said_too_where_redis_was_never_found(desk, vacate):
    vacate()

    assert desk.row("SELECT fingerprint FROM generations").fingerprint == VACANT


# What they may spend.


def test_what_is_leased_may_have_been_spent_on_any_limit(open_desk, make):
    desk = open_desk(1000, spend_limit_n=300)
    with desk.engine.begin() as connection:
        gen = generations.open_next(connection, fingerprint="a", since_ms=0).gen
    before = desk.call(80)
    assert lend(desk, gen, want_n=50).amount_n == 200
    with desk.engine.begin() as connection:
        generations.vacate(connection)

    assert desk.admit(desk.call(100)) == Admitted(100)
    assert desk.admit(desk.call(1)) == Unsettled()

    post(desk, before, 80, gen)
    assert desk.admit(desk.call(1)) == Unsettled()
    close(desk, gen)
    assert desk.admit(desk.call(120)) == Admitted(120)
    assert isinstance(desk.admit(desk.call(1)), Deny)


def test_what_can_never_fit_is_refused_with_what_is_known(open_desk):
    desk = open_desk(1000, spend_limit_n=300)
    with desk.engine.begin() as connection:
        gen = generations.open_next(connection, fingerprint="a", since_ms=0).gen
    lend(desk, gen, want_n=50)
    with desk.engine.begin() as connection:
        generations.vacate(connection)

    denied = desk.admit(desk.call(301))

    assert (denied.scope, denied.limit_n, denied.available_n, denied.held_n) == ("key", 300, 300, 0)


def test_money_that_is_leased_is_not_held_twice(desk, open_next, vacate):
    gen = open_next()
    lend(desk, gen, want_n=200)
    vacate()

    assert desk.admit(desk.call(200)) == Admitted(200)
    assert desk.admit(desk.call(1)) == Unsettled()

    close(desk, gen)
    assert desk.admit(desk.call(800)) == Admitted(800)


def test_a_wallet_runs_so_many_calls_at_once(desk):
    calls = [desk.call(1) for _ in range(3)]

    def admitted(call):
        with desk.engine.begin() as connection:
            return admit(connection, call, boot_id=desk.boot_id, hold_s=60, at_once=2)

    assert [admitted(call) for call in calls[:2]] == [Admitted(1), Admitted(1)]
    assert admitted(calls[2]) == TooFast(2, 1000, at_once=True, whose="account")
    assert admitted(calls[0]) == Admitted(1)

    desk.settle(calls[0], 1)
    assert admitted(calls[2]) == Admitted(1)


# What the next generation counts on.


def test_redis_is_told_of_all_that_is_held_and_asks_again(open_desk):
    desk = open_desk(1000, spend_limit_n=500)
    call = desk.admitted(70)
    with desk.engine.begin() as connection:
        gen = generations.open_next(connection, fingerprint="a", since_ms=0).gen

    assert bases(desk, gen) == (70, BOUND_MS)

    desk.settle(call, 40)
    assert bases(desk, gen) == (40, 0)


def test_a_call_takes_no_more_than_its_hold_once_redis_counts(open_desk, vacate):
    desk = open_desk(1000, spend_limit_n=500)
    over, running, late = (desk.admitted(100) for _ in range(3))
    desk.checkpoint(late, 30)
    desk.expire(late)
    desk.sweep(late)
    assert desk.extend(over, 20) == 20

    with desk.engine.begin() as connection:
        gen = generations.open_next(connection, fingerprint="a", since_ms=0).gen
    known, _ = bases(desk, gen)

    assert desk.extend(running, 50) == 0
    assert desk.settle(over, 150) == Settled("settled", 120)
    assert desk.settle(running, 90) == Settled("settled", 90)
    assert desk.settle(late, 60) == Settled("adjusted", 30)
    assert bases(desk, gen) == (known - 10, 0)


@pytest.mark.parametrize(("charge_n", "booked_n"), [(40, 40), (70, 60)])
def test_what_waits_for_redis_can_be_booked_without_it(desk, open_next, vacate, charge_n, booked_n):
    gen = open_next()
    lend(desk, gen, want_n=25)
    vacate()
    call = desk.call(60)
    end = ended(call, ending(charge_n), gen=f"{gen}:0", hold_n=60)

    for _ in range(2):
        with desk.engine.begin() as connection:
            assert book(connection, [lost_entry(end, now=datetime.now(UTC))]) == {call.request_id: booked_n}

    row = desk.usage(call)
    assert (row.rank, row.gen, row.charge_n, row.reason) == (FINAL, gen, booked_n, "done")
    assert desk.row("SELECT granted_n, posted_n FROM pools") == (100, booked_n)
    assert desk.row("SELECT leased_n FROM wallets WHERE id = :w", w=desk.wallet_id) == (100 - booked_n,)


@pytest.mark.parametrize(
    ("age_s", "stays"),
    [(0, False), (OBJECTION_S - 1, False), (OBJECTION_S, True), (8, True), (STAY_S, False)],
)
def test_an_objection_is_heard_at_once_and_a_change_back_after_a_while(desk, open_next, vacate, age_s, stays):
    def asked():
        with desk.engine.connect() as connection:
            return generations.vacancy_stays(connection)

    vacate()
    desk.run("UPDATE generations SET started_at = now() - make_interval(secs => :s)", s=age_s)
    assert asked() is stays

    open_next()
    desk.run("UPDATE generations SET started_at = now() - make_interval(secs => :s)", s=age_s)
    assert asked() is False


# What a proxy learns that cannot reach Redis.


def test_a_proxy_learns_who_is_alive_and_who_has_redis(desk, open_next, vacate):
    me, other, silent, ended = (uuid4() for _ in range(4))

    def see(boot_id, *, has_redis):
        fingerprint = "a" if has_redis else None
        with desk.engine.begin() as connection:
            generations.seen(connection, boot_id=boot_id, settled_gen=0, fingerprint=fingerprint)

    def outlook():
        with desk.engine.connect() as connection:
            return generations.outlook(connection, boot_id=me)

    for boot in (me, other, silent, ended):
        see(boot, has_redis=True)
    with desk.engine.begin() as connection:
        generations.ended(connection, [ended])
    desk.run("UPDATE proxy_boots SET last_seen_at = now() - interval '11 s' WHERE boot_id = :b", b=silent)

    assert outlook() == Outlook(proxies=2, others_have_redis=True, unaccounted=2, vacant_s=None)
    see(other, has_redis=False)
    assert outlook() == Outlook(proxies=2, others_have_redis=False, unaccounted=1, vacant_s=None)
    vacate()
    desk.run("UPDATE generations SET started_at = now() - interval '2 s'")
    known = outlook()
    assert replace(known, vacant_s=None) == Outlook(2, others_have_redis=False, unaccounted=1, vacant_s=None)
    assert 2 <= known.vacant_s < 60
    open_next()
    assert outlook().vacant_s is None
