"""How many model calls a minute an account has (SPEC section 5)."""

from core.money import NANOS_PER_USD

PAID_FROM_N = 10 * NANOS_PER_USD


def requests_per_minute(*, balance_n: int, credit_limit_n: int, tiers: tuple[int, int]) -> int:
    """By the paying wallet: from ten dollars on, or on monthly billing, it is the higher tier."""
    free, paid = tiers
    return paid if credit_limit_n > 0 or balance_n >= PAID_FROM_N else free
