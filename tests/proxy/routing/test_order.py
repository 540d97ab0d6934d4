import pytest

from core.rules.health import UNKNOWN, Pace
from proxy.routing.order import in_order, who_may_serve
from proxy.routing.preferences import read_preferences
from tests.proxy.routing.offers import offer, plan_of

A, B, C = offer("a", usd=(1, 9)), offer("b", usd=(2, 4)), offer("c", usd=(3, 3))
PACES = {"a": Pace(900.0, 10.0), "b": Pace(200.0, 30.0), "c": UNKNOWN}


def names(offers):
    return "".join(found.provider.name for found in offers)


def asked_first(plan):
    order = in_order(
        plan.offers,
        plan.preferences,
        price=plan.expected_price,
        pace=lambda found: PACES[found.provider.name],
    )
    return names(order)


@pytest.mark.parametrize(
    ("size", "most", "order"),
    [
        # What a, b, c take, in nano-dollars a thousand, for input and answer as they are expected.
        (1_200_000, None, "abc"),  # 8,192 in, what the model takes, 500 out: 12,692, 18,384, 26,076
        (4_000, None, "bca"),  # some 1,010 in, 500 out: 5,510, 4,020, 4,530
        (4, None, "cba"),  # some 10 in, 500 out: 4,510, 2,020, 1,530
        (4, 500_000, "cba"),  # a bound that high says nothing of the answer
        (4_000, 1, "abc"),  # some 1,010 in, 1 out
    ],
)
def test_the_cheapest_for_the_call_itself_is_asked_first(size, most, order):
    fields = {} if most is None else {"max_tokens": most}

    assert asked_first(plan_of(A, B, C, messages="x" * size, **fields)) == order


@pytest.mark.parametrize(
    ("provider", "order"),
    [
        ({"sort": "price"}, "abc"),
        ({"sort": "latency"}, "bac"),
        ({"sort": "throughput"}, "bac"),
        ({"order": ["c"]}, "cab"),
        ({"order": ["c", "b"]}, "cba"),
        ({"order": ["nobody", "B"]}, "bac"),
        ({"order": ["c"], "sort": "latency"}, "cba"),
    ],
)
def test_a_client_may_say_what_comes_first(provider, order):
    assert asked_first(plan_of(A, B, C, messages="x" * 40_000, max_tokens=1, provider=provider)) == order


@pytest.mark.parametrize(
    ("provider", "served"),
    [
        ({}, "abc"),
        ({"only": ["c", "a"]}, "ac"),
        ({"ignore": ["a", "nobody"]}, "bc"),
        ({"only": ["a", "b"], "ignore": ["a"]}, "b"),
        ({"order": ["b"], "allow_fallbacks": True}, "abc"),
        ({"order": ["b", "c"], "allow_fallbacks": False}, "bc"),
        ({"allow_fallbacks": False}, "abc"),  # which one, is decided when it is called
        ({"max_price": {"prompt": 2}}, "ab"),
        ({"max_price": {"prompt": 2, "completion": 4}}, "b"),
        ({"max_price": {"prompt": "1.999999999"}}, "a"),
        ({"max_price": {"prompt": 0.5}}, ""),
        ({"max_price": {"request": 0, "image": 0}}, "abc"),
    ],
)
def test_a_client_may_say_who_serves(provider, served):
    preferences = read_preferences({"provider": provider})

    assert names(who_may_serve((A, B, C), preferences, input_tokens=1000)) == served


def test_a_limit_holds_for_the_rates_the_call_may_reach():
    tiered = offer("a", usd=(1, 1), tiers=[(1000, {"input": 5 * 10**9})])
    preferences = read_preferences({"provider": {"max_price": {"prompt": 2}}})

    assert who_may_serve((tiered,), preferences, input_tokens=1000) == (tiered,)
    assert who_may_serve((tiered,), preferences, input_tokens=1001) == ()


def test_a_price_for_a_request_or_an_image_is_held_against_its_limit():
    paid = offer("a", request=10**13, input_image=2 * 10**13)  # USD 0.01 a request, 0.02 an image

    def fits(**limits):
        preferences = read_preferences({"provider": {"max_price": limits}})
        return bool(who_may_serve((paid,), preferences, input_tokens=1))

    assert fits(request=0.01, image=0.02)
    assert not fits(request=0.009)
    assert not fits(image=0.019)
