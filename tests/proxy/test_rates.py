"""What a caller is told of its calls a minute; admission counts them."""

import math
import time
from types import SimpleNamespace
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from core.actions.keys import set_enabled
from core.charging.calls import Admitted, Caller, Stale, TooFast, Tripped
from core.rules.rates import Rate
from proxy.clock import Clock
from proxy.floods import Floods
from proxy.rates import note_caller, note_rate, rate_headers, tell_rate
from tests.proxy.conftest import ask

NAMES = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
RATE = Rate(limit=20, remaining=19, reset=1_800_000_000)


def told(answer):
    """The three headers of an answer, as numbers; None for each that is not there."""
    return tuple(int(answer.headers[name]) if name in answer.headers else None for name in NAMES)


def test_the_headers_are_whole_numbers():
    assert rate_headers(RATE) == dict(zip(NAMES, ("20", "19", "1800000000"), strict=True))


class Gate:
    """Nothing but an answer to how many calls are left, and who asked."""

    def __init__(self, rate=None):
        self._rate = rate
        self.asked = []

    async def rate(self, caller):
        self.asked.append(caller)
        return self._rate


@pytest.fixture
def deps():
    clock = Clock()
    clock.set(1_800_000_000_001, at_ms=time.time() * 1000)  # the thousandth of a second rounds up
    return SimpleNamespace(running=SimpleNamespace(gate=Gate()), floods=Floods(), clock=clock)


def somebody(rpm=20):
    return Caller(uuid4(), 1, uuid4(), 1, 0, uuid4(), rpm=rpm)


@pytest.mark.parametrize(
    "verdict",
    [
        Admitted(5, RATE),
        TooFast(20, 100, RATE),
        TooFast(50, 1000, RATE, at_once=True),
        Tripped("global", "minute", 100, rate=RATE),
    ],
)
async def test_whatever_the_verdict_its_rate_is_in_the_answer(verdict, deps):
    request, answer = make_mocked_request("POST", "/"), web.Response()
    note_caller(request, somebody())

    note_rate(request, verdict)
    await tell_rate(request, answer, deps)

    assert told(answer) == (20, 19, 1_800_000_000)
    assert deps.running.gate.asked == []


@pytest.mark.parametrize("verdict", [Admitted(5), Stale(), TooFast(20, 100)])
async def test_of_what_a_verdict_does_not_say_the_gate_is_asked(verdict, deps):
    request, answer, caller = make_mocked_request("POST", "/"), web.Response(), somebody()
    deps.running.gate = Gate(RATE)
    note_caller(request, caller)

    note_rate(request, verdict)
    await tell_rate(request, answer, deps)

    assert told(answer) == (20, 19, 1_800_000_000)
    assert deps.running.gate.asked == [caller]


@pytest.mark.parametrize("is_known", [False, True])
async def test_without_anybody_to_tell_or_to_ask_no_header_is_added(is_known, deps):
    request, answer = make_mocked_request("POST", "/"), web.Response()
    if is_known:
        note_caller(request, somebody())

    await tell_rate(request, answer, deps)

    assert told(answer) == (None, None, None)
    assert len(deps.running.gate.asked) == is_known


async def test_who_is_refused_without_a_look_is_told_so_and_nobody_is_asked(deps):
    request, answer, caller = make_mocked_request("POST", "/"), web.Response(), somebody(rpm=1)
    deps.running.gate = Gate(RATE)
    note_caller(request, caller)
    for _ in range(11):  # the eleventh refusal of a minute: six seconds are a tenth of it
        deps.floods.count(caller)

    await tell_rate(request, answer, deps)

    assert told(answer) == (1, 0, 1_800_000_001 + 6)
    assert deps.running.gate.asked == []


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/chat/completions", b"{"), ("/v1/cost/estimate", b"[]"), ("/v1/responses", b"x" * 1001)],
)
async def test_whatever_it_is_for_a_refusal_counts_as_one(start_relay, caller, monkeypatch, path, body):
    monkeypatch.setattr("proxy.floods.MINUTE_S", 3600.0)  # a machine that is busy forgets none
    relay = await start_relay(rpm_paid=1, body_limit_bytes=1000)

    async def asked():
        headers = {"x-api-key": caller.secret}
        async with relay.session.post(relay.url + path, data=body, headers=headers) as answer:
            return answer.status

    statuses = [await asked() for _ in range(13)]

    assert statuses[0] == statuses[10] in {400, 413}  # ten in a minute, and one that may be ahead
    assert statuses[11:] == [429, 429]


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


REFUSED = [
    ("POST", "/v1/chat/completions", ask("acme/none"), 404),
    ("POST", "/v1/chat/completions", ask("tiny"), 400),
    ("POST", "/api/v1/chat/completions", b"{", 400),
    ("POST", "/v1/messages", b"", 400),
    ("POST", "/v1/responses", b" " * 1001, 413),
    ("POST", "/api/v1/cost/estimate", ask("acme/none"), 404),
    ("POST", "/v1/cost/estimate", ask(max_tokens=5), 200),
    ("POST", "/api/v1/models", b"", 405),
    ("GET", "/v1/chat/completions", None, 405),
    ("GET", "/v1/models", None, 200),
    ("GET", "/api/v1/models/acme/tiny", None, 200),
    ("GET", "/v1/models/acme/none", None, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSED)
async def test_an_answer_that_admission_had_no_part_in_tells_it_and_uses_nothing_up(
    start_relay, tiny, caller, method, path, body, status
):
    relay = await start_relay(rpm_paid=2, body_limit_bytes=1000)

    async def asked():
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        headers = {"x-api-key": caller.secret}
        return await relay.session.request(method, relay.url + path, headers=headers, **content)

    began = time.time()
    before = [await asked() for _ in range(3)]
    served = await relay.post(caller.secret, ask(max_tokens=5))
    after = await asked()

    assert [answer.status for answer in (*before, served, after)] == [status] * 3 + [200, status]
    assert [told(answer)[:2] for answer in (*before, served, after)] == [(2, 2)] * 3 + [(2, 1)] * 2
    assert told(after)[2] == told(served)[2]
    assert all(began - 1 <= told(answer)[2] <= time.time() + 1 for answer in before)


async def test_a_management_key_is_told_the_rate_of_its_account(start_relay, tiny, make, caller):
    relay = await start_relay(rpm_paid=2)
    secret = make.secrets[make.key(caller.user, key_type="management").id]
    await relay.post(caller.secret, ask(max_tokens=5))

    refused = await relay.post(secret, ask())

    assert (refused.status, told(refused)[:2]) == (403, (2, 1))


async def test_who_shows_no_live_key_is_told_of_no_rate(start_relay, tiny, caller, db):
    relay = await start_relay()
    await relay.post(caller.secret, ask(max_tokens=5))
    set_enabled(db, caller.key, enabled=False)
    db.commit()

    answers = [
        await relay.session.request(method, relay.url + path, headers=headers, json=body)
        for headers in ({}, {"x-api-key": "nonsense"}, {"x-api-key": caller.secret})
        for method, path, body in (("POST", "/v1/chat/completions", ask()), ("GET", "/v1/models", None))
    ]

    assert [answer.status for answer in answers] == [401, 200, 401, 401, 401, 401]
    assert {told(answer) for answer in answers} == {(None, None, None)}


async def test_an_admitted_call_is_not_looked_up(start_relay, tiny, caller):
    relay, gate = await start_relay(), Gate()
    relay.deps.running.gate.rate = gate.rate

    for stream in (False, True):
        async with relay.post(caller.secret, ask(max_tokens=5, stream=stream)) as response:
            assert response.status == 200
            await response.read()

    assert gate.asked == []


async def test_the_number_told_is_the_one_that_is_enforced(start_relay, tiny, caller):
    relay = await start_relay(rpm_paid=3)
    await relay.post(caller.secret, ask(max_tokens=5))

    left = told(await relay.post(caller.secret, b"{"))[1]
    answers = [await relay.post(caller.secret, ask(max_tokens=5)) for _ in range(left + 1)]

    assert [answer.status for answer in answers] == [200, 200, 429]


async def test_where_nobody_can_be_asked_the_answer_goes_without(start_relay, tiny, caller):
    relay = await start_relay(counters_url="redis://127.0.0.1:9/0")

    refused, unserved = [await relay.post(caller.secret, ask(model)) for model in ("acme/none", "acme/tiny")]

    assert (refused.status, unserved.status) == (404, 503)
    assert told(refused) == told(unserved) == (None, None, None)
    assert int(unserved.headers["Retry-After"]) > 0
