"""How many model calls a minute an account has (SPEC section 5)."""

from dataclasses import dataclass

from core.money import NANOS_PER_USD

PAID_FROM_N = 10 * NANOS_PER_USD
MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a minute: how many, how many are left, and when all are there again (Unix seconds)."""

    limit: int
    remaining: int
    reset: int


def rate_at(limit: int, *, arrival_us: int, now_us: int) -> Rate:
    """Where a caller stands whose calls are all there again at `arrival_us` (GCRA, as admit.lua has it)."""
    step_us = MINUTE_US // limit
    arrival_us = max(arrival_us, now_us)
    remaining = (now_us + step_us * limit - arrival_us) // step_us
    return Rate(limit, max(0, remaining), -(-(arrival_us // 1000) // 1000))


def requests_per_minute(*, balance_n: int, credit_limit_n: int, tiers: tuple[int, int]) -> int:
    """By the paying wallet: from ten dollars on, or on monthly billing, it is the higher tier."""
    free, paid = tiers
    return paid if credit_limit_n > 0 or balance_n >= PAID_FROM_N else free
