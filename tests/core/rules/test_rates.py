import pytest

from core.rules.rates import Rate, rate_at, requests_per_minute


@pytest.mark.parametrize(
    ("balance_n", "credit_limit_n", "rpm"),
    [
        (0, 0, 7),
        (-5, 0, 7),
        (9_999_999_999, 0, 7),
        (10_000_000_000, 0, 70),
        (-5, 1, 70),
    ],
)
def test_ten_dollars_or_monthly_billing_make_the_higher_tier(balance_n, credit_limit_n, rpm):
    found = requests_per_minute(balance_n=balance_n, credit_limit_n=credit_limit_n, tiers=(7, 70))

    assert found == rpm


NOW_S = 1_800_000_000
NOW_US = NOW_S * 1_000_000


@pytest.mark.parametrize(
    ("arrival_us", "rate"),
    [
        (0, Rate(3, 3, NOW_S)),  # long ago, or never
        (NOW_US, Rate(3, 3, NOW_S)),
        (NOW_US + 1, Rate(3, 2, NOW_S)),
        (NOW_US + 20_000_000, Rate(3, 2, NOW_S + 20)),  # one call right now
        (NOW_US + 20_001_000, Rate(3, 1, NOW_S + 21)),
        (NOW_US + 60_000_000, Rate(3, 0, NOW_S + 60)),
        (NOW_US + 90_000_000, Rate(3, 0, NOW_S + 90)),  # the limit was higher a moment ago
    ],
)
def test_what_is_left_of_a_minute_grows_back_call_by_call(arrival_us, rate):
    assert rate_at(3, arrival_us=arrival_us, now_us=NOW_US) == rate
