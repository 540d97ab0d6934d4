import pytest

from core.rules.rates import requests_per_minute


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
    assert requests_per_minute(balance_n=balance_n, credit_limit_n=credit_limit_n, tiers=(7, 70)) == rpm
