"""What a caller is told of its calls a minute; admission counts them."""

import math
import time

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from core.charging.calls import Admitted, Stale, TooFast, Tripped
from core.rules.rates import Rate
from proxy.rates import add_rate_headers, note_rate, rate_headers
from tests.proxy.conftest import ask

NAMES = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
RATE = Rate(limit=20, remaining=19, reset=1_800_000_000)


def told(answer):
    """The three headers of an answer, as numbers; None for each that is not there."""
    return tuple(int(answer.headers[name]) if name in answer.headers else None for name in NAMES)


def test_the_headers_are_whole_numbers():
    assert rate_headers(RATE) == dict(zip(NAMES, ("20", "19", "1800000000"), strict=True))


@pytest.mark.parametrize(
    "verdict",
    [
        Admitted(5, RATE),
        TooFast(20, 100, RATE),
        TooFast(50, 1000, RATE, at_once=True),
        Tripped("global", "minute", 100, rate=RATE),
    ],
)
async def test_whatever_the_verdict_its_rate_is_in_the_answer(verdict):
    request, answer = make_mocked_request("POST", "/"), web.Response()

    note_rate(request, verdict)
    add_rate_headers(request, answer)

    assert told(answer) == (20, 19, 1_800_000_000)


@pytest.mark.parametrize("verdict", [Admitted(5), Stale(), TooFast(20, 100)])
async def test_a_verdict_that_says_nothing_of_it_adds_no_header(verdict):
    request, answer = make_mocked_request("POST", "/"), web.Response()

    note_rate(request, verdict)
    add_rate_headers(request, answer)

    assert told(answer) == (None, None, None)


async def test_each_call_is_told_what_is_left(start_relay, tiny, caller):
    relay = await start_relay(rpm_paid=2)  # one call in thirty seconds, and one more

    began = time.time()
    plain = await relay.post(caller.secret, ask(max_tokens=5))
    streamed = await relay.post(caller.secret, ask(max_tokens=5, stream=True))
    await streamed.read()

    assert [told(answer)[:2] for answer in (plain, streamed)] == [(2, 1), (2, 0)]
    resets = [told(answer)[2] - began for answer in (plain, streamed)]
    assert 30 <= resets[0] <= 31 + math.ceil(time.time() - began)
    assert 60 <= resets[1] <= 61 + math.ceil(time.time() - began)


async def test_a_small_wallet_is_in_the_lower_tier(start_relay, tiny, make):
    relay = await start_relay(rpm_free=20, rpm_paid=200)
    small, large = (make.key(make.user(credits_usd=usd)) for usd in ("9.999999999", "10"))

    answers = [await relay.post(make.secrets[key.id], ask(max_tokens=5)) for key in (small, large)]

    assert [told(answer)[:2] for answer in answers] == [(20, 19), (200, 199)]


async def test_two_relays_count_together_and_the_keys_of_an_account_too(start_relay, tiny, make, caller):
    one, other = await start_relay(rpm_paid=3), await start_relay(rpm_paid=3)
    second = make.secrets[make.key(caller.user).id]

    answers = [
        await relay.post(secret, ask(max_tokens=5))
        for relay, secret in ((one, caller.secret), (other, caller.secret), (other, second), (one, second))
    ]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [told(answer)[:2] for answer in answers] == [(3, 2), (3, 1), (3, 0), (3, 0)]


async def test_another_account_has_a_rate_of_its_own(start_relay, tiny, make, caller):
    relay = await start_relay(rpm_paid=1)
    other = make.secrets[make.key(make.user(credits_usd="10")).id]

    answers = [await relay.post(secret, ask(max_tokens=5)) for secret in (caller.secret, other)]

    assert [told(answer)[:2] for answer in answers] == [(1, 0), (1, 0)]
    assert [answer.status for answer in answers] == [200, 200]


async def test_a_denied_call_is_told_too(start_relay, tiny, make):
    """What is refused for money has not used up any of it."""
    relay = await start_relay(rpm_free=2)
    secret = make.secrets[make.key(make.user()).id]

    answers = [await relay.post(secret, ask(max_tokens=5)) for _ in range(3)]

    assert [answer.status for answer in answers] == [402, 402, 402]
    assert [told(answer)[:2] for answer in answers] == [(2, 2), (2, 2), (2, 2)]


@pytest.mark.parametrize("body", [ask("acme/none"), ask("tiny")])
async def test_a_call_that_is_refused_before_admission_is_told_as_well(start_relay, tiny, caller, body):
    relay = await start_relay(rpm_paid=2)
    began = time.time()
    before = await relay.post(caller.secret, body)
    served = await relay.post(caller.secret, ask(max_tokens=5))

    after = await relay.post(caller.secret, body)

    assert [told(answer)[:2] for answer in (before, served, after)] == [(2, 2), (2, 1), (2, 1)]
    assert told(after)[2] == told(served)[2]
    assert began - 1 <= told(before)[2] <= time.time() + 1


async def test_where_nobody_can_be_asked_the_answer_goes_without(start_relay, tiny, caller):
    relay = await start_relay(counters_url="redis://127.0.0.1:9/0")

    refused, unserved = [await relay.post(caller.secret, ask(model)) for model in ("acme/none", "acme/tiny")]

    assert (refused.status, unserved.status) == (404, 503)
    assert told(refused) == told(unserved) == (None, None, None)
    assert int(unserved.headers["Retry-After"]) > 0
