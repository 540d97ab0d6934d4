"""Prices are exact to the nano-dollar: by hand, by fractions, and by another price library."""

import math
from decimal import Decimal
from fractions import Fraction

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.actions.offers import rates as read_rates
from core.rules.prices import (
    PER_MILLION,
    PER_UNIT,
    Cost,
    PriceCard,
    Terms,
    Tier,
    Usage,
    cost_of,
    cost_of_pages,
    plain_price,
    worst_charge,
)

AT_COST = Terms(fee_bps=0)
PREMIUM = Terms(markup_bps=15_000)
USD = 1_000_000_000


def card(tiers=(), **prices: str) -> PriceCard:
    return PriceCard("c", read_rates(prices), tuple(tiers))


def test_a_dollar_at_list_price_is_charged_one_dollar_and_ten_cents():
    cost = cost_of(Usage(input_tokens=1_000_000), card(input="1.00", output="2.00"), Terms())

    assert cost == Cost(upstream_n=USD, charge_n=1_100_000_000)


@pytest.mark.parametrize(
    ("usage", "prices", "terms", "upstream_n", "charge_n"),
    [
        # one token at USD 0.15 per million is 150 nano-dollars, 165 with the fee
        (Usage(input_tokens=1), {"input": "0.15", "output": "0.60"}, Terms(), 150, 165),
        # a fraction of a nano-dollar is rounded up, once: 0.3 and 0.33
        (Usage(input_tokens=3), {"input": "0.0001", "output": "0"}, Terms(), 1, 1),
        # 1001 x 0.1 = 100.1 -> 101; 100.1 x 1.1 = 110.11 -> 111, not 101 x 1.1 = 111.1 -> 112
        (Usage(input_tokens=1001), {"input": "0.0001", "output": "0"}, Terms(), 101, 111),
        (Usage(1000, 500), {"input": "2.50", "output": "10.00"}, Terms(), 7_500_000, 8_250_000),
        # premium: USD 5 and 25 per million, markup 1.5, fee 10 %: 7.5 millicents x 1.65
        (Usage(1000, 100), {"input": "5", "output": "25"}, PREMIUM, 7_500_000, 12_375_000),
        # 300 of 1000 cached at half the price
        (
            Usage(1000, 0, cached_tokens=300),
            {"input": "2.50", "output": "10", "cached_read": "1.25"},
            AT_COST,
            2_125_000,
            2_125_000,
        ),
        # cached without a price of its own costs what input does
        (Usage(1000, 0, cached_tokens=300), {"input": "2.50", "output": "10"}, AT_COST, 2_500_000, 2_500_000),
        # 200 written to the cache at 1.25 times the price
        (
            Usage(1000, 0, cache_write_tokens=200),
            {"input": "3", "output": "15", "cache_write": "3.75"},
            AT_COST,
            3_150_000,
            3_150_000,
        ),
        # 40 of 100 output tokens are reasoning, twice as dear
        (
            Usage(0, 100, reasoning_tokens=40),
            {"input": "1", "output": "10", "reasoning": "20"},
            AT_COST,
            1_400_000,
            1_400_000,
        ),
        (
            Usage(100, 100, input_audio_tokens=50, output_audio_tokens=10),
            {"input": "1", "output": "2", "input_audio": "40", "output_audio": "80"},
            AT_COST,
            50_000 + 2_000_000 + 180_000 + 800_000,
            3_030_000,
        ),
        # half a cent for each request comes on top
        (Usage(1000, 0), {"input": "1", "output": "1", "request": "0.005"}, AT_COST, 6_000_000, 6_000_000),
        (Usage(), {"input": "1", "output": "1"}, Terms(), 0, 0),
        (Usage(10**9, 10**9), {"input": "0", "output": "0"}, Terms(), 0, 0),
    ],
)
def test_prices_worked_out_by_hand(usage, prices, terms, upstream_n, charge_n):
    assert cost_of(usage, card(**prices), terms) == Cost(upstream_n, charge_n)


def test_long_input_has_its_own_rates_from_the_token_after_the_threshold():
    long = Tier(200_000, read_rates({"input": "6", "output": "22.5"}))
    longer = Tier(500_000, read_rates({"input": "12"}))
    for tiers in ([long, longer], [longer, long]):
        priced = card(tiers, input="3", output="15", cached_read="0.3")

        assert cost_of(Usage(200_000, 1000), priced, AT_COST).upstream_n == 615_000_000
        assert cost_of(Usage(200_001, 1000), priced, AT_COST).upstream_n == 1_200_006_000 + 22_500_000
        assert cost_of(Usage(600_000, 1000), priced, AT_COST).upstream_n == 7_200_000_000 + 15_000_000
        assert cost_of(Usage(200_001, 0, cached_tokens=200_001), priced, AT_COST).upstream_n == 60_000_300


def test_a_provider_that_reports_more_details_than_tokens_never_earns_us_a_negative_price():
    cost = cost_of(
        Usage(10, 5, cached_tokens=100, reasoning_tokens=9),
        card(input="2", output="8", cached_read="1"),
        AT_COST,
    )

    assert cost.upstream_n == 100 * 1000 + 9 * 8000


def test_a_card_without_input_and_output_prices_is_not_complete():
    assert card(input="1", output="0").is_complete()
    assert not card(input="1").is_complete()
    assert not card(output="1").is_complete()
    assert not card(page="0.002").is_complete()


def test_what_reads_pages_needs_the_price_of_a_page():
    assert card(page="0.002").is_complete("ocr")
    assert not card(input="1", output="1").is_complete("ocr")


def test_pages_are_priced_together_and_rounded_up_once():
    # 1.5 nano-dollars a page: 4.5 at list price, 4.95 with the fee.
    assert cost_of_pages(3, card(page="0.0000000015"), Terms()) == Cost(5, 5)
    assert cost_of_pages(500, card(page="0.002"), Terms()) == Cost(USD, 1_100_000_000)
    assert cost_of_pages(0, card(page="0.002"), Terms()) == Cost(0, 0)


RATES = st.dictionaries(
    st.sampled_from(["cached_read", "cache_write", "reasoning", "input_audio", "output_audio", "request"]),
    st.integers(0, 10**13),
).flatmap(
    lambda details: st.fixed_dictionaries(
        {"input": st.integers(0, 10**12), "output": st.integers(0, 10**12)}
    ).map(lambda plain: {**details, **plain})
)
CARDS = st.builds(
    PriceCard,
    st.just("c"),
    RATES,
    st.lists(st.builds(Tier, st.integers(0, 10**6), RATES), max_size=3).map(tuple),
)
TERMS = st.builds(Terms, st.integers(10_000, 30_000), st.integers(0, 10_000))
COUNTS = st.integers(0, 2 * 10**6)


@st.composite
def usages(draw):
    into = sorted(draw(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS)))
    out = sorted(draw(st.tuples(COUNTS, COUNTS, COUNTS)))
    return Usage(
        input_tokens=into[3],
        output_tokens=out[2],
        cached_tokens=into[0],
        cache_write_tokens=into[1] - into[0],
        input_audio_tokens=into[2] - into[1],
        reasoning_tokens=out[0],
        output_audio_tokens=out[1] - out[0],
    )


def by_fractions(usage: Usage, priced: PriceCard) -> Fraction:
    """The upstream cost in nano-dollars, worked out another way: token class by token class, unrounded."""
    applied = dict(priced.rates)
    reached = [t for t in priced.tiers if usage.input_tokens > t.above_input_tokens]
    if reached:
        highest = max(t.above_input_tokens for t in reached)
        applied.update([t for t in reached if t.above_input_tokens == highest][-1].rates)
    total = Fraction(applied.get("request", 0))
    left = {"input": usage.input_tokens, "output": usage.output_tokens}
    for name, whole, tokens in (
        ("cached_read", "input", usage.cached_tokens),
        ("cache_write", "input", usage.cache_write_tokens),
        ("input_audio", "input", usage.input_audio_tokens),
        ("reasoning", "output", usage.reasoning_tokens),
        ("output_audio", "output", usage.output_audio_tokens),
    ):
        left[whole] -= tokens
        total += tokens * Fraction(applied.get(name, applied[whole]))
    total += sum(tokens * Fraction(applied[whole]) for whole, tokens in left.items())
    return total / 1_000_000


@given(usages(), CARDS, TERMS)
def test_prices_agree_with_exact_fractions(usage, priced, terms):
    exact = by_fractions(usage, priced)
    factor = Fraction(terms.markup_bps, 10_000) * (1 + Fraction(terms.fee_bps, 10_000))

    assert cost_of(usage, priced, terms) == Cost(math.ceil(exact), math.ceil(exact * factor))


@given(usages(), st.integers(0, 10**5), st.integers(0, 10**5), CARDS, TERMS)
def test_no_usage_within_the_bounds_costs_more_than_the_worst(usage, more_in, more_out, priced, terms):
    worst_n = worst_charge(
        [priced],
        input_tokens=usage.input_tokens + more_in,
        output_tokens=usage.output_tokens + more_out,
        terms=terms,
    )

    assert cost_of(usage, priced, terms).charge_n <= worst_n


@pytest.mark.parametrize(
    ("provider", "model", "prices"),
    [
        ("openai", "gpt-4o", {"input": "2.50", "output": "10", "cached_read": "1.25"}),
        ("openai", "gpt-4o-mini", {"input": "0.15", "output": "0.60", "cached_read": "0.075"}),
        ("openai", "o3", {"input": "2", "output": "8", "cached_read": "0.50"}),
        (
            "anthropic",
            "claude-sonnet-4-0",
            {"input": "3", "output": "15", "cached_read": "0.30", "cache_write": "3.75"},
        ),
    ],
)
@pytest.mark.parametrize("tokens", [(1, 1, 0), (1000, 500, 300), (123_457, 7919, 100_003)])
def test_another_price_library_comes_to_the_same(provider, model, prices, tokens):
    into, out, cached = tokens
    theirs = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=into, output_tokens=out, cache_read_tokens=cached),
        model_ref=model,
        provider_id=provider,
    ).total_price

    ours = cost_of(Usage(into, out, cached_tokens=cached), card(**prices), AT_COST).upstream_n

    assert ours == math.ceil(Decimal(theirs).scaleb(9))


def test_every_price_has_one_unit():
    assert not PER_MILLION & PER_UNIT


def test_cards_are_compared_by_the_rates_the_input_reaches():
    long = card([Tier(1000, {"input": 3 * USD})], input="1", output="2", request="0.5")

    # USD 0.5 for the request, and a token in and out at USD 1 and 2 per million.
    assert plain_price(long, input_tokens=1000, output_tokens=10) == 500_000 * USD + 1000 * USD + 10 * 2 * USD
    assert plain_price(long, input_tokens=1001, output_tokens=0) == 500_000 * USD + 1001 * 3 * USD


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_cards_are_compared_by_is_what_plain_usage_costs(into, out):
    plain = card(input="0.15", output="0.60")

    price = plain_price(plain, input_tokens=into, output_tokens=out)

    cost = cost_of(Usage(input_tokens=into, output_tokens=out), plain, AT_COST)
    assert cost.upstream_n == -(-price // 1_000_000)
