"""A verdict that says no, as the refusal the client gets: whose limit, the numbers, when to come back."""

import math
from datetime import UTC, datetime

from core.charging.calls import Caller, TooFast, Tripped
from core.errors import (
    BreakerTripped,
    KeyLimitReached,
    OutOfCredits,
    OverBudget,
    Refused,
    TooMany,
    Unavailable,
)
from core.money import format_usd
from core.rules.admission import Deny

NO_RESET_S = 60  # credits come back when somebody tops up; asking once a minute is often enough
WHOSE = {"member": "This member's monthly budget", "team": "The team's monthly budget"}


def refusal(
    verdict: Deny | TooFast | Tripped, caller: Caller, *, now: datetime, breaker_status: int
) -> Refused:
    """The refusal a verdict stands for. `breaker_status` is what a scoped breaker answers: 429 or 503."""
    match verdict:
        case TooFast():
            return _too_fast(verdict)
        case Tripped():
            return _tripped(verdict, breaker_status)
        case Deny(unit="usd", scope="wallet"):
            return _out_of_credits(verdict, caller)
        case Deny(unit="usd", scope="key"):
            return _key_limit(verdict, now)
        case Deny():
            return _over_budget(verdict, now)


def _too_fast(verdict: TooFast) -> Refused:
    wait_s = _seconds(verdict.retry_ms)
    if verdict.at_once:
        return TooMany(
            f"This {verdict.whose} has {verdict.limit} calls running, as many as it may at once. "
            "Wait for one to end.",
            retry_after_s=wait_s,
        )
    return TooMany(
        f"More than {verdict.limit} requests a minute. Try again in {wait_s} seconds.", retry_after_s=wait_s
    )


def _tripped(verdict: Tripped, status: int) -> Refused:
    wait_s = _seconds(verdict.retry_ms)
    if verdict.scope == "global":
        return Unavailable(
            "The spend circuit breaker of the whole service is open. Try again later.",
            retry_after_s=wait_s,
            reason="breaker_tripped",
        )
    return BreakerTripped(
        f"Spend circuit breaker tripped at {verdict.scope} scope ({verdict.window} window: "
        f"{format_usd(verdict.spent_n)} ≥ {format_usd(verdict.limit_n)}). Try again later or contact your "
        "organization owner.",
        status=status,
        retry_after_s=wait_s,
        metadata={
            "scope": verdict.scope,
            "window": verdict.window,
            "spent_usd": format_usd(verdict.spent_n),
            "limit_usd": format_usd(verdict.limit_n),
        },
    )


def _out_of_credits(deny: Deny, caller: Caller) -> Refused:
    scope = "org" if caller.fuses else "wallet"  # an organization's key always has the organization's breaker
    facts = {
        "scope": scope,
        "needed_usd": format_usd(deny.needed_n),
        "available_usd": format_usd(max(0, deny.available_n)),
        "held_usd": format_usd(deny.held_n),
    }
    if scope == "wallet":
        return OutOfCredits(metadata=facts)
    return OverBudget(
        "The organization's credits are used up. Ask one of its admins to top up.",
        retry_after_s=NO_RESET_S,
        metadata={**facts, "resets_at": None},
    )


def _key_limit(deny: Deny, now: datetime) -> Refused:
    assert deny.limit_n is not None
    assert deny.resets_at is not None
    return KeyLimitReached(
        f"This API key has reached its spend limit of {format_usd(deny.limit_n)}. It works again from "
        f"{deny.resets_at:%Y-%m-%d %H:%M} UTC; the limit can be changed on the API keys page.",
        retry_after_s=_until(deny.resets_at, now),
        metadata=_numbers(deny),
    )


def _over_budget(deny: Deny, now: datetime) -> Refused:
    assert deny.limit_n is not None
    assert deny.resets_at is not None
    when = f"{deny.resets_at:%Y-%m-%d %H:%M} UTC"
    if deny.unit == "usd" and deny.scope in WHOSE:
        message = (
            f"{WHOSE[deny.scope]} of {format_usd(deny.limit_n)} is used up until {when}. Ask an admin of the "
            "organization for more."
        )
    elif deny.unit == "tokens":
        message = f"Token quota exceeded. It is renewed at {when}."
    else:
        message = f"The quota of {deny.unit} is used up until {when}."
    return OverBudget(message, retry_after_s=_until(deny.resets_at, now), metadata=_numbers(deny))


def _numbers(deny: Deny) -> dict[str, object]:
    """The figures of a limit: what it is, what is spent, held and needed, and when it begins anew."""
    assert deny.limit_n is not None
    assert deny.resets_at is not None
    spent_n = deny.limit_n - deny.held_n - deny.available_n
    figures = {
        "limit": deny.limit_n,
        "spent": spent_n,
        "held": deny.held_n,
        "needed": deny.needed_n,
        "available": max(0, deny.available_n),
    }
    said: dict[str, object] = {"scope": deny.scope, "resets_at": deny.resets_at.astimezone(UTC).isoformat()}
    if deny.unit == "usd":
        return said | {f"{name}_usd": format_usd(amount) for name, amount in figures.items()}
    return said | {f"{name}_{deny.unit}": amount for name, amount in figures.items()}


def _seconds(retry_ms: int) -> int:
    return max(1, math.ceil(retry_ms / 1000))


def _until(moment: datetime, now: datetime) -> int:
    return max(1, math.ceil((moment - now).total_seconds()))
