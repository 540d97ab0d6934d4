"""Settlements are booked once, in whatever order and company they come, and out of the pool that held them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from core.actions.partitions import ensure_partitions
from core.charging.booking import counts
from core.charging.calls import FINAL, ORPHAN, REFUSED
from core.ids import uuid7
from core.rules.prices import Usage
from core.rules.scopes import Quota


@pytest.fixture
def gen(desk):
    """A generation in which a pool has 400 of the desk's 1,000."""
    gen = desk.open_generation().gen
    desk.lease(gen, 100)
    return gen


def ledger(desk):
    rows = desk.rows("SELECT kind, amount_n FROM ledger WHERE kind <> 'grant' ORDER BY id")
    return [tuple(row) for row in rows]


def spends(desk, scope="k"):
    """Charge, tokens, points, requests of each subject of a scope, by its id."""
    rows = desk.rows(
        "SELECT subject_id, sum(charge_n)::bigint, sum(tokens)::bigint, sum(points)::bigint, "
        "sum(requests)::bigint FROM spends WHERE scope = :s GROUP BY subject_id",
        s=scope,
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def orphan(desk, call, charge_n, **fields):
    known = {"rank": ORPHAN, "status": 500, "reason": "orphaned", "usage": Usage(output_tokens=7)}
    return desk.entry(call, charge_n, **{**known, **fields})


def test_a_batch_books_every_call_in_one_go(desk, gen):
    calls = [desk.call(100) for _ in range(3)]

    charges = desk.book(*(desk.entry(call, 10 * n, gen=gen) for n, call in enumerate(calls)))

    assert charges == {call.request_id: 10 * n for n, call in enumerate(calls)}
    assert desk.wallet() == (970, 370, 600)
    assert desk.pool(gen) == (400, 30, 0, "active")
    assert ledger(desk) == [("usage", -10), ("usage", -20)]
    assert desk.row("SELECT requests, charge_n, input_tokens FROM usage_daily") == (3, 30, 30)
    assert spends(desk) == {desk.key_id: (30, 90, 0, 3)}
    assert desk.differences() == []


def test_an_empty_batch_changes_nothing(desk):
    assert desk.book() == {}


def test_booking_again_changes_nothing(desk, gen):
    entry = desk.entry(desk.call(100), 60, gen=gen)

    for _ in range(3):
        assert desk.book(entry, entry) == {entry.request_id: 60}

    assert desk.wallet() == (940, 340, 600)
    assert ledger(desk) == [("usage", -60)]
    assert spends(desk) == {desk.key_id: (60, 30, 0, 1)}


def test_of_two_finals_the_first_stands(desk, gen):
    call = desk.call(100)

    together = desk.book(desk.entry(call, 60, gen=gen), desk.entry(call, 90, gen=gen))
    later = desk.book(desk.entry(call, 10, gen=gen))

    assert together == later == {call.request_id: 60}
    assert desk.usage(call).charge_n == 60


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_within_a_batch_the_highest_rank_is_booked_whatever_the_order(desk, gen, order):
    call = desk.call(100)
    ranks = (desk.entry(call, 0, rank=REFUSED, status=429), orphan(desk, call, 40, gen=gen))
    entries = (*ranks, desk.entry(call, 70, gen=gen))

    desk.book(*(entries[place] for place in order))

    assert (desk.usage(call).rank, desk.usage(call).charge_n) == (FINAL, 70)
    assert ledger(desk) == [("usage", -70)]
    assert desk.pool(gen)[1] == 70
    assert desk.differences() == []


@pytest.mark.parametrize(
    ("guess", "final", "adjustment"),
    [
        (40, 70, [("adjustment", -30)]),
        (40, 10, [("adjustment", 30)]),
        (40, 40, []),
        (40, 0, [("adjustment", 40)]),
    ],
)
def test_a_final_replaces_an_orphan_by_the_difference(desk, gen, guess, final, adjustment):
    call = desk.call(100)
    desk.book(orphan(desk, call, guess, gen=gen))
    assert spends(desk) == {desk.key_id: (40, 7, 0, 1)}

    charges = desk.book(desk.entry(call, final, gen=gen, points=3))

    assert charges == {call.request_id: final}
    assert ledger(desk) == [("usage", -guess), *adjustment]
    assert desk.wallet() == (1000 - final, 400 - final, 600)
    assert desk.pool(gen)[1] == final
    assert spends(desk) == {desk.key_id: (final, 30, 3, 1)}
    assert desk.row("SELECT requests, output_tokens, charge_n FROM usage_daily") == (1, 20, final)
    assert (desk.usage(call).rank, desk.usage(call).reason) == (FINAL, "done")
    assert desk.differences() == []


def test_an_orphan_never_replaces_a_final(desk, gen):
    call = desk.call(100)
    desk.book(desk.entry(call, 70, gen=gen))

    assert desk.book(orphan(desk, call, 90, gen=gen)) == {call.request_id: 70}
    assert desk.usage(call).reason == "done"


def test_an_orphan_of_nothing_counts_once_its_final_costs_something(desk, gen):
    call = desk.call(100)
    desk.book(orphan(desk, call, 0, gen=gen))
    assert spends(desk) == {}

    desk.book(desk.entry(call, 5, gen=gen))

    assert ledger(desk) == [("adjustment", -5)]
    assert spends(desk) == {desk.key_id: (5, 30, 0, 1)}
    assert desk.differences() == []


def test_a_call_that_turns_out_to_have_failed_is_taken_out_of_all_sums(desk, gen):
    call = desk.call(100)
    desk.book(orphan(desk, call, 50, gen=gen))

    desk.book(desk.entry(call, 0, gen=gen, status=502, usage=Usage()))

    assert spends(desk) == {desk.key_id: (0, 0, 0, 0)}
    assert desk.row("SELECT requests, output_tokens, charge_n FROM usage_daily") == (0, 0, 0)
    assert desk.wallet() == (1000, 400, 600)
    assert desk.differences() == []


@pytest.mark.parametrize("rank", [ORPHAN, FINAL])
def test_a_refusal_on_record_gives_way_to_what_ran_after_all(desk, gen, rank):
    call = desk.call(100)
    refused = desk.entry(call, 0, rank=REFUSED, status=429, reason="rate_limited", usage=Usage(), provider="")
    desk.book(refused)

    desk.book(desk.entry(call, 30, gen=gen, rank=rank))

    assert desk.usage(call).rank == rank
    assert ledger(desk) == [("usage", -30)]
    assert spends(desk) == {desk.key_id: (30, 30, 0, 1)}
    assert desk.differences() == []


def test_a_refusal_is_in_no_sum_and_replaces_nothing(desk, gen):
    call, other = desk.call(100), desk.call(100)
    desk.book(desk.entry(call, 30, gen=gen))

    desk.book(*(desk.entry(one, 0, rank=REFUSED, status=429, usage=Usage()) for one in (call, other)))

    assert desk.usage(call).charge_n == 30
    assert desk.usage(other).status == 429
    assert spends(desk)[desk.key_id][3] == 1


def test_a_batch_of_several_wallets_pays_each_from_its_own(open_desk):
    desks = [open_desk(1000) for _ in range(3)]
    gen = desks[0].open_generation().gen
    for desk in desks:
        desk.lease(gen, 100)

    desks[0].book(*(desk.entry(desk.call(100), 10 * n, gen=gen) for n, desk in enumerate(desks, 1)))

    assert [desk.wallet() for desk in desks] == [(990, 390, 600), (980, 380, 600), (970, 370, 600)]
    assert desks[0].differences() == []


def test_a_call_of_a_wallet_nobody_has_is_left_out_and_the_others_are_booked(desk, gen):
    call, stray = desk.call(100), desk.call(100, wallet_id=uuid4())

    charges = desk.book(desk.entry(stray, 5, gen=gen), desk.entry(call, 6, gen=gen))

    assert charges == {call.request_id: 6}
    assert desk.rows("SELECT * FROM usage_events WHERE charge_n = 5") == []


def test_members_teams_and_quotas_are_counted_under_their_own_names(desk, gen):
    member, team, plan = uuid4(), uuid4(), uuid4()
    start = datetime.now(UTC)
    quotas = tuple(
        Quota(scope, plan, unit, 100, start, start + timedelta(days=1))
        for scope, unit in (("plan", "tokens"), ("plan", "points"), ("session", "usd"))
    )
    call = desk.call(100, member_id=member, team_id=team, quotas=quotas)

    desk.book(desk.entry(call, 30, gen=gen, points=4))

    expected = (30, 30, 4, 1)
    assert spends(desk, "k") == {desk.key_id: expected}
    assert spends(desk, "m") == {member: expected}
    assert spends(desk, "t") == {team: expected}
    assert spends(desk, "p") == {plan: expected}  # once, although two quotas count it
    assert spends(desk, "e") == {plan: expected}
    assert desk.row("SELECT team_id, member_id FROM usage_daily") == (team, member)
    assert desk.differences() == []


def test_replacing_an_orphan_replaces_it_for_everybody_it_counted_for(desk, gen):
    member, team, plan = uuid4(), uuid4(), uuid4()
    start = datetime.now(UTC)
    quota = Quota("plan", plan, "points", 100, start, start + timedelta(days=1))
    call = desk.call(100, member_id=member, team_id=team, quotas=(quota,))
    desk.book(orphan(desk, call, 50, gen=gen))

    desk.book(desk.entry(call, 20, gen=gen, points=4))

    for scope, subject in (("k", desk.key_id), ("m", member), ("t", team), ("p", plan)):
        assert spends(desk, scope) == {subject: (20, 30, 4, 1)}
    assert desk.differences() == []


def test_a_charge_counts_in_the_hour_of_its_request_id_and_in_its_generation(desk, gen):
    at = datetime.now(UTC) - timedelta(hours=2)
    call = desk.call(100, request_id=uuid7(int(at.timestamp() * 1000)))
    with Session(desk.engine) as session, session.begin():
        ensure_partitions(session, first=at.date(), last=at.date())

    desk.book(desk.entry(call, 30, gen=gen))

    row = desk.row("SELECT hour, gen FROM spends")
    assert tuple(row) == (at.replace(minute=0, second=0, microsecond=0), gen)


def closed(desk, gen):
    desk.open_generation()
    desk.close(gen)
    return gen


def missing(desk, gen):
    return gen + 1000


@pytest.mark.parametrize("pool", [closed, missing])
@pytest.mark.parametrize(("charge", "taken"), [(1000, 1000), (5000, 1000), (7, 7), (0, 0)])
def test_a_charge_to_a_pool_that_is_gone_takes_what_is_free_at_most(desk, gen, pool, charge, taken):
    closed(desk, gen)
    call = desk.call(5000)

    assert desk.book(desk.entry(call, charge, gen=pool(desk, gen))) == {call.request_id: taken}

    assert desk.wallet() == (1000 - taken, 0, 1000 - taken)
    assert desk.differences() == []


def test_what_a_later_pool_was_leased_is_not_free_for_a_closed_one(desk, gen):
    closed(desk, gen)
    later = desk.open_generation().gen
    desk.lease(later, 200)
    assert desk.wallet() == (1000, 800, 200)
    late, call = desk.call(5000), desk.call(800)

    charges = desk.book(desk.entry(late, 5000, gen=gen), desk.entry(call, 800, gen=later))

    assert charges == {late.request_id: 200, call.request_id: 800}
    assert desk.wallet() == (0, 0, 0)
    assert desk.differences() == []


def test_late_charges_in_one_batch_share_what_is_free(desk, gen):
    closed(desk, gen)
    calls = [desk.call(700) for _ in range(2)]

    charges = desk.book(*(desk.entry(call, 700, gen=gen) for call in calls))

    assert sorted(charges.values()) == [300, 700]
    assert desk.wallet() == (0, 0, 0)


def test_a_late_final_of_a_closed_pool_gives_back_what_its_orphan_took_too_much(desk, gen):
    call = desk.call(400)
    desk.book(orphan(desk, call, 300, gen=gen))
    closed(desk, gen)

    desk.book(desk.entry(call, 100, gen=gen))

    assert desk.wallet() == (900, 0, 900)
    assert desk.pool(gen) == (400, 300, 0, "closed")
    assert desk.differences() == []


def test_calls_of_a_generation_that_is_over_are_charged_no_more_than_its_pool_has(desk, gen):
    """The sweep of each gave back what it held, the next one held it, and then Redis lost them all."""
    calls = [desk.call(300) for _ in range(3)]
    desk.book(*(orphan(desk, call, 0, gen=gen) for call in calls[:-1]))
    desk.open_generation()

    charges = desk.book(*(desk.entry(call, 300, gen=gen) for call in calls))

    assert list(charges.values()) == [300, 100, 0]
    assert desk.wallet() == (600, 0, 600)
    assert desk.pool(gen)[:2] == (400, 400)
    assert desk.differences() == []


def test_what_redis_has_in_hand_is_booked_in_any_order(desk, gen):
    """A swept call ended for nothing, and what it gave back was spent, but that is told first."""
    swept, call = desk.call(400), desk.call(400)
    desk.book(orphan(desk, swept, 400, gen=gen))

    charges = desk.book(desk.entry(call, 400, gen=gen), desk.entry(swept, 0, gen=gen))

    assert charges == {call.request_id: 400, swept.request_id: 0}
    assert desk.wallet() == (600, 0, 600)
    assert desk.pool(gen) == (400, 400, 0, "active")
    assert desk.differences() == []


def test_a_call_that_held_nothing_in_a_pool_is_paid_by_the_wallet(desk, gen):
    call = desk.call(100)

    desk.book(desk.entry(call, 50))

    assert desk.wallet() == (950, 400, 550)
    assert desk.pool(gen) == (400, 0, 0, "active")


@pytest.mark.parametrize(
    ("charge_n", "status", "counted"),
    [(0, 200, True), (1, 500, True), (0, 400, False), (0, 502, False), (5, 200, True)],
)
def test_what_was_answered_or_cost_something_counts(charge_n, status, counted):
    assert counts({"charge_n": charge_n, "status": status}) is counted
