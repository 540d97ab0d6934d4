"""A call is paid once, at its true price, whatever dies, repeats or comes late; and nobody overspends."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from core.charging.calls import Admitted, Settled
from core.charging.holds import admit
from core.charging.settlement import settle
from core.db import async_engine
from core.rules.prices import Cost, Usage
from tests.core.charging.conftest import ending


def test_a_settled_call_has_its_usage_its_sum_and_its_ledger_row(desk):
    call = desk.admitted(300, app_name="my app", app_url="https://app.example", stream=True)

    settled = desk.settle(call, 120, first_byte_ms=7)

    assert settled == Settled("settled", 120)
    assert desk.purse() == (880, 0)
    assert desk.booked(call) == [("usage", -120)]
    assert desk.daily() == [(1, 10, 20, 120, 120)]
    usage = desk.usage(call)
    assert (usage.rank, usage.wallet_id, usage.user_id, usage.key_id) == (
        2,
        desk.wallet_id,
        desk.user_id,
        desk.key_id,
    )
    assert (usage.model_id, usage.provider, usage.status, usage.reason) == ("acme/tiny", "acme", 200, "done")
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens) == (
        10,
        3,
        20,
        4,
    )
    assert (usage.app_name, usage.app_url, usage.stream) == ("my app", "https://app.example", True)
    assert (usage.price_card_id, usage.first_byte_ms, usage.duration_ms) == (desk.card_id, 7, 1234)
    assert (usage.estimated, usage.disputed, usage.finish_reason) == (False, False, "stop")


def test_settling_again_changes_nothing_not_even_with_another_price(desk):
    call = desk.admitted(300)
    desk.settle(call, 120)

    again = [desk.settle(call, charge) for charge in (120, 300, 0)]

    assert again == [Settled("already", 120)] * 3
    assert desk.purse() == (880, 0)
    assert desk.booked(call) == [("usage", -120)]


def test_settling_in_parallel_pays_once(desk):
    call = desk.admitted(300)
    start = Barrier(8)

    def end(charge):
        start.wait()
        return desk.settle(call, charge)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(end, range(100, 108)))

    assert sorted(o.outcome for o in outcomes) == ["already"] * 7 + ["settled"]
    assert len({o.charge_n for o in outcomes}) == 1
    assert desk.purse() == (1000 - outcomes[0].charge_n, 0)


def test_a_call_that_failed_gives_its_hold_back_and_is_recorded(desk):
    call = desk.admitted(300)

    desk.settle(call, 0, status=502, reason="upstream_failed", usage=Usage())

    assert desk.purse() == (1000, 0)
    assert desk.booked(call) == []
    assert desk.daily() == []
    assert (desk.usage(call).status, desk.usage(call).reason) == (502, "upstream_failed")


def test_what_was_never_admitted_is_not_settled(desk):
    assert desk.settle(desk.call(100), 50) == Settled("unknown", 0)
    assert desk.purse() == (1000, 0)


def test_a_charge_above_its_hold_is_taken_from_what_is_free(desk):
    call = desk.admitted(300)

    assert desk.settle(call, 450).charge_n == 450
    assert desk.purse() == (550, 0)


def test_a_charge_above_its_hold_leaves_alone_what_others_hold(desk):
    call, other = desk.admitted(300), desk.admitted(600)

    settled = desk.settle(call, 900)

    assert settled.charge_n == 400
    assert desk.purse() == (600, 600)
    assert desk.usage(call).upstream_n == 900  # what the provider bills stays in sight
    assert desk.settle(other, 600).charge_n == 600
    assert desk.purse() == (0, 0)


def test_a_charge_above_its_hold_stays_within_the_key_limit(open_desk):
    desk = open_desk(10_000, spend_limit_n=1000)
    call, other = desk.admitted(300), desk.admitted(500)

    assert desk.settle(call, 5000).charge_n == 500
    assert desk.settle(other, 5000).charge_n == 500


def test_a_failed_settlement_leaves_everything_as_it_was(desk):
    call = desk.admitted(300)

    def settle_and_die():
        with desk.engine.begin() as connection:
            settle(connection, call, ending(100))
            raise RuntimeError("the process dies before it commits")

    with pytest.raises(RuntimeError):
        settle_and_die()

    assert desk.purse() == (1000, 300)
    assert desk.booked(call) == []
    assert desk.settle(call, 100).outcome == "settled"


async def test_the_same_functions_run_on_asynchronous_connections(desk, database_url):
    engine = async_engine(database_url)
    call = desk.call(300)

    async with engine.begin() as connection:
        admitted = await connection.run_sync(lambda c: admit(c, call, boot_id=desk.boot_id, hold_s=60))
    async with engine.begin() as connection:
        settled = await connection.run_sync(lambda c: settle(c, call, ending(7)))
    await engine.dispose()

    assert (admitted, settled) == (Admitted(300), Settled("settled", 7))


def test_a_mixed_crowd_of_calls_leaves_right_books(open_desk):
    desks = [open_desk(5000, spend_limit_n=limit) for limit in (None, 3000)]
    seed = random.randrange(2**32)  # from the seed of the run, which is in its first lines

    def live(number):
        chance = random.Random(seed + number)
        for _ in range(15):
            desk = chance.choice(desks)
            call = desk.call(chance.randrange(1, 900), slice_n=100, floor_n=1)
            if not isinstance(desk.admit(call), Admitted):
                continue
            desk.extend(call, chance.randrange(300))
            desk.checkpoint(call, chance.randrange(500))
            if chance.random() < 0.4:
                desk.expire(call)
                desk.sweep(call)
            if chance.random() < 0.8:
                desk.settle(call, chance.randrange(1500))
            for balance, held in (one.purse() for one in desks):
                assert balance >= held >= 0

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(live, range(6)))

    assert all(desk.purse()[0] >= 0 for desk in desks)
    assert desks[0].differences() == []
    spent = desks[1].row(
        "SELECT coalesce(sum(charge_n), 0) FROM usage_daily WHERE key_id = :k", k=desks[1].key_id
    )[0]
    assert spent <= 3000


def test_upstream_cost_and_charge_are_kept_apart(desk):
    call = desk.admitted(300)

    desk.settle(call, 0, cost=Cost(upstream_n=100, charge_n=110))

    assert (desk.usage(call).upstream_n, desk.usage(call).charge_n) == (100, 110)
    assert desk.daily() == [(1, 10, 20, 110, 100)]
