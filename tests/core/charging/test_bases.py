"""What Redis starts to count from is never less than what was spent, and exact as soon as that is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from core.charging.bases import BOUND_MS, Window, bases_of, everything_lately
from core.rules.scopes import Fuse, Quota, Subject

NOW = datetime(2026, 3, 4, 5, 30, tzinfo=UTC)  # a Wednesday
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.fixture
def rich(open_desk):
    return open_desk(1_000_000)


def spent(desk, subject, at, charge_n, *, gen=0, tokens=0, points=0, requests=1):
    desk.run(
        "INSERT INTO spends VALUES (:id, :scope, date_trunc('hour', CAST(:at AS timestamptz)), :gen, :charge, "
        ":tokens, :points, :requests)",
        id=subject[2:],
        scope=subject[0],
        at=at,
        gen=gen,
        charge=charge_n,
        tokens=tokens,
        points=points,
        requests=requests,
    )


def bases(desk, caller, *, gen=9, now_ms=NOW_MS):
    with desk.engine.begin() as connection:
        found = bases_of(connection, caller, gen=gen, now_ms=now_ms)
        connection.rollback()
    return found


@pytest.fixture
def forget_spends(rich):
    """What a test says was spent has no usage rows: the proof of the books would find that."""
    yield
    rich.run("DELETE FROM spends")


@pytest.mark.usefixtures("forget_spends")
@pytest.mark.parametrize(("period", "charge_n"), [("day", 5), ("week", 5 + 50), ("month", 5 + 50 + 500)])
def test_a_limit_counts_what_was_spent_in_its_period(rich, period, charge_n):
    subject = Subject("member", uuid4(), 10_000, period)
    for at, amount in (
        ((2026, 3, 4, 23), 3),
        ((2026, 3, 4, 0), 2),
        ((2026, 3, 3, 23), 40),
        ((2026, 3, 2, 0), 10),
        ((2026, 3, 1, 23), 400),
        ((2026, 3, 1, 0), 100),
        ((2026, 2, 28, 23), 9000),
        ((2026, 3, 5, 0), 9000 if period == "day" else 0),
        ((2026, 4, 1, 0), 9000),
    ):
        spent(rich, subject.name, datetime(*at, tzinfo=UTC), amount)
    spent(rich, f"k:{subject.id.hex}", NOW, 7)
    spent(rich, Subject("member", uuid4()).name, NOW, 7)

    found = bases(rich, rich.caller(subjects=(subject,)))

    assert found.subjects == [(subject, charge_n)]
    assert (found.now_ms, found.holds_ms) == (NOW_MS, 0)


def test_versions_are_those_of_now_whatever_the_caller_was_read_at(rich):
    """What Redis knew of them may be lost; a proxy that missed a change must not bring back what was before it."""
    caller = rich.caller()
    rich.run("UPDATE wallets SET ver = ver + 5 WHERE id = :w", w=rich.wallet_id)
    rich.run("UPDATE api_keys SET ver = ver + 7 WHERE id = :k", k=rich.key_id)

    found = bases(rich, caller)

    assert (found.wallet_ver, found.key_ver) == (caller.wallet_ver + 5, caller.key_ver + 7)


@pytest.mark.usefixtures("forget_spends")
def test_a_generation_counts_its_own_so_only_those_before_are_told(rich):
    subject = Subject("key", rich.key_id, 10_000, "day")
    for gen, amount in ((0, 1), (7, 20), (8, 300), (9, 4000), (10, 50_000)):
        spent(rich, subject.name, NOW, amount, gen=gen)

    assert bases(rich, rich.caller(subjects=(subject,)), gen=9).subjects == [(subject, 321)]


def test_who_has_no_limit_needs_no_base(rich):
    caller = rich.caller(subjects=(Subject("key", rich.key_id), Subject("team", uuid4(), 5)))

    assert [subject.scope for subject, _ in bases(rich, caller).subjects] == ["team"]


def quota(unit, *, scope="plan", limit=100):
    return Quota(scope, uuid4(), unit, limit, NOW - timedelta(hours=1, minutes=30), NOW + timedelta(hours=2))


@pytest.mark.usefixtures("forget_spends")
@pytest.mark.parametrize(("unit", "used"), [("usd", 11), ("tokens", 22), ("points", 33), ("requests", 44)])
@pytest.mark.parametrize("scope", ["plan", "session"])
def test_a_quota_counts_its_own_unit_between_its_bounds(rich, scope, unit, used):
    one = quota(unit, scope=scope)
    for hours, times in ((0, 1), (-1, 10), (-2, 1000), (2, 0), (3, 1000)):
        at = NOW + timedelta(hours=hours)
        numbers = {"tokens": 2 * times, "points": 3 * times, "requests": 4 * times}
        spent(rich, one.subject, at, times, **numbers)

    assert bases(rich, rich.caller(quotas=(one,))).quotas == [(one, used)]


@pytest.mark.usefixtures("forget_spends")
def test_what_was_used_in_the_hour_a_session_began_within_is_part_of_it(rich):
    first = NOW.replace(minute=0)
    one = replace(quota("points", scope="session"), start_at=first + timedelta(minutes=20))
    for at, points in ((first, 5), (first - timedelta(hours=1), 1000)):
        spent(rich, one.subject, at, 0, points=points)

    assert bases(rich, rich.caller(quotas=(one,))).quotas == [(one, 5)]


def test_while_an_old_pool_has_money_out_a_base_is_a_bound(rich):
    gen = rich.open_generation().gen
    rich.lease(gen, 250)  # leases 50,000
    key, team = Subject("key", rich.key_id, 10**6, "day"), Subject("team", uuid4(), 10**6)
    call = rich.call(1000, subjects=(key, team), team_id=team.id)
    rich.book(rich.entry(call, 300, gen=gen))
    rich.take_back(gen, 700)
    new = rich.open_generation().gen

    found = bases(rich, call.caller, gen=new, now_ms=int(datetime.now(UTC).timestamp() * 1000))

    assert found.subjects == [(key, 300 + 49_000), (team, 300 + 49_000)]
    assert found.holds_ms == BOUND_MS


def test_quotas_of_what_nobody_can_know_yet_count_as_used_up(rich):
    gen = rich.open_generation().gen
    rich.lease(gen, 250)
    quotas = tuple(quota(unit, limit=77) for unit in ("usd", "tokens", "points", "requests"))
    new = rich.open_generation().gen

    found = bases(rich, rich.caller(quotas=quotas), gen=new)

    assert [used for _, used in found.quotas] == [50_000, 77, 77, 77]


@pytest.mark.parametrize("end", ["settled", "closed"])
def test_a_base_is_exact_once_the_old_pool_has_nothing_out(rich, end):
    gen = rich.open_generation().gen
    rich.lease(gen, 250)
    subject = Subject("key", rich.key_id, 10**6, "day")
    call = rich.call(1000, subjects=(subject,))
    rich.book(rich.entry(call, 300, gen=gen))
    new = rich.open_generation().gen
    if end == "settled":
        rich.take_back(gen, 49_700)
    else:
        rich.close(gen)

    found = bases(rich, call.caller, gen=new, now_ms=int(datetime.now(UTC).timestamp() * 1000))

    assert (found.subjects, found.holds_ms) == ([(subject, 300)], 0)


def test_what_the_generation_itself_has_out_is_no_part_of_a_base(rich):
    gen = rich.open_generation().gen
    rich.lease(gen, 250)
    subject = Subject("key", rich.key_id, 10**6, "day")

    found = bases(rich, rich.caller(subjects=(subject,)), gen=gen)

    assert (found.subjects, found.holds_ms) == ([(subject, 0)], 0)


def test_the_pools_of_other_wallets_bound_nobody(open_desk):
    one, other = open_desk(1000), open_desk(1000)
    other.lease(other.open_generation().gen, 250)
    gen = one.open_generation().gen

    assert bases(one, one.caller(), gen=gen).holds_ms == 0


def ended(desk, upstream_n, *, ago_s, **fields):
    """Book a call that ended so long ago and cost so much upstream. Returns that moment in Unix ms."""
    call = desk.call(1, **fields)
    desk.book(desk.entry(call, 0))
    desk.run(
        "UPDATE usage_events SET upstream_n = :n, ended_at = now() - make_interval(secs => :ago) "
        "WHERE request_id = :r",
        n=upstream_n,
        ago=ago_s,
        r=call.request_id,
    )
    return int(desk.usage(call).ended_at.timestamp() * 1000)


@pytest.fixture
def forget_usage(rich):
    """Upstream costs that only their usage rows know: the proof of the books would find that."""
    yield
    for table in ("usage_events", "usage_daily", "spends"):
        rich.run(f"DELETE FROM {table}")


@pytest.mark.usefixtures("forget_usage")
def test_windows_hold_what_ended_within_a_minute_and_within_an_hour(rich):
    just = ended(rich, 5, ago_s=2)
    while_ago = ended(rich, 70, ago_s=300)
    ended(rich, 900, ago_s=3700)
    ended(rich, 0, ago_s=1)

    (window,) = bases(rich, rich.caller(fuses=(Fuse("org", uuid4(), 1, 1),))).windows

    assert window.seconds == [(just // 1000 * 1000, 5)]
    assert sorted(window.minutes) == [(while_ago // 60_000 * 60_000, 70), (just // 60_000 * 60_000, 5)]


@pytest.mark.usefixtures("forget_usage")
def test_windows_sum_what_ended_in_the_same_second(rich):
    at = ended(rich, 5, ago_s=30)
    ended(rich, 6, ago_s=30)
    rich.run("UPDATE usage_events SET ended_at = to_timestamp(:ms / 1000.0)", ms=at)

    (window,) = bases(rich, rich.caller(fuses=(Fuse("org", uuid4(), 1, 1),))).windows

    assert window.seconds == [(at // 1000 * 1000, 11)]


@pytest.mark.usefixtures("forget_usage")
def test_each_breaker_gets_what_its_own_scope_spent(open_desk, rich):
    member, team = uuid4(), uuid4()
    ended(rich, 1, ago_s=5, member_id=member, team_id=team)
    ended(rich, 20, ago_s=5, member_id=uuid4(), team_id=team)
    ended(rich, 300, ago_s=5)
    ended(open_desk(0), 4000, ago_s=5, member_id=member, team_id=team)  # of another wallet
    fuses = (Fuse("member", member, 1, 1), Fuse("team", team, 1, 1), Fuse("org", uuid4(), 1, 1))

    windows = bases(rich, rich.caller(fuses=fuses)).windows

    assert [window.name for window in windows] == [fuse.name for fuse in fuses]
    assert [sum(amount for _, amount in window.minutes) for window in windows] == [1, 21, 321]


@pytest.mark.usefixtures("forget_usage")
def test_the_global_breaker_gets_what_everybody_spent(open_desk, rich):
    ended(rich, 300, ago_s=5)
    ended(open_desk(0), 4000, ago_s=5)

    with rich.engine.begin() as connection:
        window = everything_lately(connection)

    assert (window.name, sum(amount for _, amount in window.seconds)) == ("g", 4300)


def test_nothing_was_spent_where_nothing_ran(rich):
    caller = rich.caller(fuses=(Fuse("org", uuid4(), 1, 1),))

    assert bases(rich, caller).windows == [Window(caller.fuses[0].name, [], [])]
