"""What the client reads when a verdict says no: the words, the numbers, when to come back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core.charging.calls import Caller, TooFast, Tripped
from core.rules.admission import Deny
from core.rules.scopes import Fuse
from proxy.verdicts import refusal

NOW = datetime(2026, 3, 14, 12, 0, 0, 500_000, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
TO_THE_END_S = 17 * 86_400 + 12 * 3600  # the half second is rounded up
SOMEONE = UUID(int=7)
PERSONAL = Caller(SOMEONE, 1, SOMEONE, 1, 0, SOMEONE)
OF_AN_ORG = replace(PERSONAL, fuses=(Fuse("org", SOMEONE, 5_000_000_000, 20_000_000_000),))


def told(verdict, caller=PERSONAL, *, breaker_status=429):
    """The HTTP status, what Retry-After says, and the error object."""
    refused = refusal(verdict, caller, now=NOW, breaker_status=breaker_status)
    return refused.status, refused.retry_after_s, refused.body()["error"]


def tripped(**fields):
    made = {"scope": "member", "window": "minute", "retry_ms": 30_001, "spent_n": 5_234_100_000}
    return Tripped(**{**made, "limit_n": 5_000_000_000, "subject_id": SOMEONE, **fields})


def test_a_tripped_breaker_says_the_sentence_of_the_contract():
    status, retry_after_s, error = told(tripped(), OF_AN_ORG)

    assert (status, retry_after_s) == (429, 31)
    assert error == {
        "message": "Spend circuit breaker tripped at member scope (minute window: $5.2341 ≥ $5.00). "
        "Try again later or contact your organization owner.",
        "type": "breaker_tripped",
        "code": 429,
        "scope": "member",
        "metadata": {"scope": "member", "window": "minute", "spent_usd": "$5.2341", "limit_usd": "$5.00"},
    }


@pytest.mark.parametrize("scope", ["member", "team", "org"])
def test_a_breaker_says_whose_it_is_and_which_window(scope):
    verdict = tripped(scope=scope, window="hour", spent_n=20_000_000_000, limit_n=20_000_000_000)

    error = told(verdict, OF_AN_ORG)[2]

    assert error["message"].startswith(
        f"Spend circuit breaker tripped at {scope} scope (hour window: $20.00 ≥ $20.00). "
    )
    assert error["scope"] == scope


def test_an_operator_may_have_scoped_breakers_answer_503():
    status, retry_after_s, error = told(tripped(), OF_AN_ORG, breaker_status=503)

    assert (status, retry_after_s, error["code"]) == (503, 31, 503)


@pytest.mark.parametrize("breaker_status", [429, 503])
def test_the_global_breaker_answers_503_and_tells_no_amounts(breaker_status):
    refused = refusal(Tripped("global", "minute", 700), OF_AN_ORG, now=NOW, breaker_status=breaker_status)

    assert (refused.status, refused.retry_after_s, refused.reason) == (503, 1, "breaker_tripped")
    assert refused.body()["error"] == {
        "message": "The spend circuit breaker of the whole service is open. Try again later.",
        "type": "unavailable_error",
        "code": 503,
    }


def test_too_many_a_minute_says_how_many_and_when_to_try_again():
    status, retry_after_s, error = told(TooFast(limit=200, retry_ms=1001))

    assert (status, retry_after_s) == (429, 2)
    assert error == {
        "message": "More than 200 requests a minute. Try again in 2 seconds.",
        "type": "rate_limit_error",
        "code": 429,
    }


def test_too_many_at_once_says_that_one_must_end():
    status, retry_after_s, error = told(TooFast(limit=50, retry_ms=1000, at_once=True))

    assert (status, retry_after_s) == (429, 1)
    assert error["message"] == (
        "This key has 50 calls running, as many as it may at once. Wait for one to end."
    )


def test_who_is_told_to_come_back_at_once_is_told_to_wait_a_second():
    assert told(TooFast(limit=1, retry_ms=0))[1] == 1
    assert told(tripped(retry_ms=-5), OF_AN_ORG)[1] == 1


def test_a_persons_empty_wallet_is_a_402_with_the_words_of_the_contract():
    status, retry_after_s, error = told(Deny("wallet", needed_n=20_000, available_n=-7, held_n=1_000))

    assert (status, retry_after_s) == (402, None)
    assert error == {
        "message": "Insufficient credits. Please top up to continue.",
        "type": "insufficient_credits",
        "code": 402,
        "scope": "wallet",
        "metadata": {
            "scope": "wallet",
            "needed_usd": "$0.00002",
            "available_usd": "$0.00",
            "held_usd": "$0.000001",
        },
    }


def test_an_organizations_empty_wallet_is_a_429_of_scope_org():
    verdict = Deny("wallet", needed_n=20_000, available_n=3_000, held_n=0)

    status, retry_after_s, error = told(verdict, OF_AN_ORG)

    assert (status, retry_after_s) == (429, 60)
    assert error == {
        "message": "The organization's credits are used up. Ask one of its admins to top up.",
        "type": "budget_exceeded",
        "code": 429,
        "scope": "org",
        "resets_at": None,  # credits come back when somebody tops up
        "metadata": {
            "scope": "org",
            "needed_usd": "$0.00002",
            "available_usd": "$0.000003",
            "held_usd": "$0.00",
            "resets_at": None,
        },
    }


def short(scope, **fields):
    """Of a limit of USD 2: USD 1.25 spent, USD 0.50 held, and a call that needs USD 0.30."""
    amounts = {"needed_n": 300_000_000, "available_n": 250_000_000, "held_n": 500_000_000}
    return Deny(scope, **{**amounts, "limit_n": 2_000_000_000, "resets_at": END, **fields})


NUMBERS = {
    "resets_at": "2026-04-01T00:00:00+00:00",
    "limit_usd": "$2.00",
    "spent_usd": "$1.25",
    "held_usd": "$0.50",
    "needed_usd": "$0.30",
    "available_usd": "$0.25",
}


def test_a_keys_limit_is_a_402_that_says_when_it_works_again():
    status, retry_after_s, error = told(short("key"), OF_AN_ORG)

    assert (status, retry_after_s) == (402, TO_THE_END_S)
    assert error == {
        "message": "This API key has reached its spend limit of $2.00. It works again from 2026-04-01 00:00 "
        "UTC; the limit can be changed on the API keys page.",
        "type": "key_limit_reached",
        "code": 402,
        "scope": "key",
        "resets_at": "2026-04-01T00:00:00+00:00",
        "metadata": {"scope": "key", **NUMBERS},
    }


@pytest.mark.parametrize(
    ("scope", "whose"), [("member", "This member's monthly budget"), ("team", "The team's monthly budget")]
)
def test_a_budget_is_a_429_that_says_whose_it_is(scope, whose):
    status, retry_after_s, error = told(short(scope), OF_AN_ORG)

    assert (status, retry_after_s) == (429, TO_THE_END_S)
    assert error == {
        "message": f"{whose} of $2.00 is used up until 2026-04-01 00:00 UTC. "
        "Ask an admin of the organization for more.",
        "type": "budget_exceeded",
        "code": 429,
        "scope": scope,
        "resets_at": "2026-04-01T00:00:00+00:00",
        "metadata": {"scope": scope, **NUMBERS},
    }


def test_a_token_quota_counts_tokens():
    verdict = short("plan", needed_n=100, available_n=40, held_n=60, limit_n=1000, unit="tokens")

    status, retry_after_s, error = told(verdict)

    assert (status, retry_after_s) == (429, TO_THE_END_S)
    assert error["message"] == "Token quota exceeded. It is renewed at 2026-04-01 00:00 UTC."
    assert error["metadata"] == {
        "scope": "plan",
        "resets_at": "2026-04-01T00:00:00+00:00",
        "limit_tokens": 1000,
        "spent_tokens": 900,
        "held_tokens": 60,
        "needed_tokens": 100,
        "available_tokens": 40,
    }


@pytest.mark.parametrize(("scope", "unit"), [("plan", "points"), ("session", "requests"), ("session", "usd")])
def test_other_quotas_say_what_is_used_up(scope, unit):
    status, _, error = told(short(scope, unit=unit))

    assert status == 429
    assert error["message"] == f"The quota of {unit} is used up until 2026-04-01 00:00 UTC."
    assert error["scope"] == scope
    assert f"limit_{unit}" in error["metadata"]


def test_what_is_overdrawn_is_told_as_nothing_left():
    error = told(short("key", available_n=-100_000_000))[2]

    assert error["metadata"]["available_usd"] == "$0.00"
    assert error["metadata"]["spent_usd"] == "$1.60"


def test_a_limit_that_has_just_been_renewed_is_to_be_tried_in_a_second():
    assert told(short("key", resets_at=NOW - timedelta(seconds=3)))[1] == 1
