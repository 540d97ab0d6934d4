"""How many model calls a minute an account has (SPEC section 5)."""

from core.money import NANOS_PER_USD

FREE_RPM, PAID_RPM = 20, 200
PAID_FROM_N = 10 * NANOS_PER_USD


def requests_per_minute(*, balance_n: int, credit_limit_n: int) -> int:
    """By the paying wallet: from ten dollars on, or on monthly billing, it is the higher tier."""
    return PAID_RPM if credit_limit_n > 0 or balance_n >= PAID_FROM_N else FREE_RPM
