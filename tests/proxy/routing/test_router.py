"""Whom calls are sent to: offers of one model, then of the next, as long as tries may be spent."""

import pytest

from proxy.routing.healths import Healths
from proxy.routing.router import Router
from tests.proxy.routing.offers import offer, plan_of

A, B, C = offer("a", usd=(1, 1)), offer("b", usd=(2, 2)), offer("c", usd=(3, 3))
D, E = offer("d", usd=(1, 1)), offer("e", usd=(2, 2))


@pytest.fixture
def router():
    return Router(Healths(lambda: 1_000_000))


def open_up(router, *offers):
    for found in offers:
        with router.healths.begin(found) as attempt:
            attempt.failed(at_once=True)


def tried(router, plan):
    """Who is asked when each fails, with the model it stands for."""
    return [f"{of.model.id[5:]}.{found.provider.name}" for of, found in router.tries(plan)]


def test_the_cheapest_is_asked_first_and_then_the_others(router):
    assert tried(router, plan_of(C, A, B)) == ["tiny.a", "tiny.b", "tiny.c"]


def test_an_open_offer_is_passed_over_while_another_can_be_asked(router):
    open_up(router, A)

    assert tried(router, plan_of(A, B, C)) == ["tiny.b", "tiny.c"]


def test_an_offer_that_opens_meanwhile_is_passed_over(router):
    tries = router.tries(plan_of(A, B, C))
    next(tries)

    open_up(router, B)

    assert [found.provider.name for _, found in tries] == ["c"]


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
