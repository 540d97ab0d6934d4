"""Whom calls are sent to: offers of one model, then of the next, as long as tries may be spent."""

import asyncio
from uuid import UUID

import pytest

from proxy.routing.healths import Healths
from proxy.routing.router import Router
from tests.proxy.routing.offers import offer, plan_of

A, B, C = offer("a", usd=(1, 1)), offer("b", usd=(2, 2)), offer("c", usd=(3, 3))
D, E = offer("d", usd=(1, 1)), offer("e", usd=(2, 2))


NOW = 1_000_000
ME, YOU = UUID(int=1), UUID(int=2)


class Claims:
    """What Redis says of probes."""

    def __init__(self):
        self.is_ours, self.asked = True, []

    async def claim(self, name):
        self.asked.append(name)
        return self.is_ours


@pytest.fixture
def router():
    return Router(Healths(lambda: NOW), Claims())


def open_up(router, *offers):
    for found in offers:
        with router.healths.begin(found, ME) as attempt:
            attempt.failed(at_once=True)


def make_due(router, *offers):
    open_up(router, *offers)
    router.healths.now_ms = lambda: NOW + 5_000


def tried(router, plan, *, account=ME, meanwhile=lambda: None, until=None):
    """Who is asked when each fails, or up to the one that serves, with the model it stands for."""
    asked = []

    async def trial(of, attempt):
        asked.append(f"{of.model.id[5:]}.{attempt.offer.provider.name}")
        meanwhile()
        return attempt.offer.provider.name == until

    is_served = asyncio.run(router.serve(plan, account, trial))
    assert is_served == (until is not None)
    return asked


def test_the_cheapest_is_asked_first_and_then_the_others(router):
    assert tried(router, plan_of(C, A, B)) == ["tiny.a", "tiny.b", "tiny.c"]


def test_an_open_offer_is_passed_over_while_another_can_be_asked(router):
    open_up(router, A)

    assert tried(router, plan_of(A, B, C)) == ["tiny.b", "tiny.c"]


def test_who_serves_is_the_last_to_be_asked(router):
    assert tried(router, plan_of(A, B, C), until="b") == ["tiny.a", "tiny.b"]
    assert tried(router, plan_of(A), until="a") == ["tiny.a"]


def test_an_offer_that_opens_meanwhile_is_passed_over(router):
    assert tried(router, plan_of(A, B, C), meanwhile=lambda: open_up(router, B)) == ["tiny.a", "tiny.c"]


def test_an_offer_that_is_open_for_another_account_is_asked(router):
    open_up(router, A)

    assert tried(router, plan_of(A, B), account=YOU) == ["tiny.a", "tiny.b"]


def test_an_offer_that_is_due_is_asked_by_who_has_its_probe(router):
    make_due(router, A)

    assert tried(router, plan_of(A, B)) == ["tiny.a", "tiny.b"]
    assert router._probes.asked == [A.name]


def test_an_offer_that_another_process_probes_is_passed_over_and_not_asked_about_each_time(router):
    make_due(router, A)
    router._probes.is_ours = False

    asked = [tried(router, plan_of(A, B)) for _ in range(3)]

    assert asked == [["tiny.b"]] * 3
    assert router._probes.asked == [A.name]


def test_a_last_resort_needs_no_probe(router):
    make_due(router, A)
    open_up(router, B)
    router._probes.is_ours = False

    assert tried(router, plan_of(A, B)) == ["tiny.a", "tiny.b"]
    assert tried(router, plan_of(A)) == ["tiny.a"]


async def test_a_client_that_leaves_while_we_ask_for_the_probe_leaves_it_to_others(router):
    make_due(router, A)
    asked = asyncio.Event()

    async def claim(_name):
        asked.set()
        await asyncio.Event().wait()

    router._probes.claim = claim
    call = asyncio.create_task(router.serve(plan_of(A, B), ME, None))
    await asked.wait()
    assert router.healths.standing(A, ME) == "open"

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert router.healths.standing(A, ME) == "due"


def test_what_is_well_is_asked_without_a_word_to_anybody(router):
    tried(router, plan_of(A, B, C, fallbacks=[(D, E)]))
    tried(router, plan_of(A))

    assert router._probes.asked == []


def test_when_all_are_open_they_are_asked_all_the_same(router):
    open_up(router, A, B)

    assert tried(router, plan_of(A, B)) == ["tiny.a", "tiny.b"]
    assert tried(router, plan_of(A)) == ["tiny.a"]


def test_fallbacks_come_after_all_offers_of_the_model_before_them(router):
    plan = plan_of(A, B, fallbacks=[(E, D)])

    assert tried(router, plan) == ["tiny.a", "tiny.b", "other0.d", "other0.e"]


def test_a_fallback_that_is_well_comes_before_an_offer_that_is_open(router):
    open_up(router, A)

    assert tried(router, plan_of(A, fallbacks=[(D,)])) == ["other0.d"]


@pytest.mark.parametrize(
    ("provider", "asked"),
    [
        ({"allow_fallbacks": False}, ["tiny.a", "other0.d"]),
        ({"allow_fallbacks": False, "sort": "price", "ignore": ["a"]}, ["tiny.b", "other0.d"]),
        ({"allow_fallbacks": False, "order": ["c", "a"]}, ["tiny.c", "tiny.a"]),
    ],
)
def test_without_fallbacks_one_provider_of_each_model_is_asked_or_those_that_are_named(
    router, provider, asked
):
    assert tried(router, plan_of(A, B, C, fallbacks=[(D, E)], provider=provider)) == asked


def test_without_fallbacks_the_one_that_is_asked_is_one_that_is_well(router):
    plan = plan_of(A, B, provider={"allow_fallbacks": False})
    open_up(router, A)
    assert tried(router, plan) == ["tiny.b"]

    open_up(router, B)

    assert tried(router, plan) == ["tiny.a"]


def test_one_call_takes_four_tries_at_most(router):
    assert tried(router, plan_of(A, B, C, fallbacks=[(D, E)])) == ["tiny.a", "tiny.b", "tiny.c", "other0.d"]


def test_retries_are_a_fifth_of_the_calls_once_the_burst_is_spent(router):
    plan = plan_of(A, B)

    tries = [len(tried(router, plan)) for _ in range(125)]

    assert tries[:24] == [2] * 24  # a burst of 20, and 4 that these calls earned
    assert sum(tries[25:]) == 100 + 20
    assert min(tries) == 1
