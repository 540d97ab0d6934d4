import pytest

from core.rules.rates import requests_per_minute


@pytest.mark.parametrize(
    ("balance_n", "credit_limit_n", "rpm"),
    [
        (0, 0, 20),
        (9_999_999_999, 0, 20),
        (10_000_000_000, 0, 200),
        (-5, 1, 200),
    ],
)
def test_ten_dollars_or_monthly_billing_make_the_higher_tier(balance_n, credit_limit_n, rpm):
    assert requests_per_minute(balance_n=balance_n, credit_limit_n=credit_limit_n) == rpm
