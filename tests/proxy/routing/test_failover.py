"""Failing over as a client sees it: another offer stands in while it got nothing, and never after."""

import asyncio
import json

import pytest
from aiohttp import web

from core.models import Provider
from core.secrets import seal
from tests.proxy.conftest import Caller, ask, chunks, until
from tests.proxy.own_provider import WHOLE, delta, stream_of

GOOD = stream_of(delta("Hi.", "stop"), b"data: [DONE]\n\n")
ERROR = b'data: {"error": {"message": "overloaded"}}\n\n'
ROLE = b'data: {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}\n\n'


def status(code, **headers):
    async def answer(_request):
        return web.Response(status=code, headers=headers)

    return answer


def plain(body):
    async def answer(_request):
        return web.Response(body=body, content_type="application/json")

    return answer


def cut_after(body):
    async def answer(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(body)
        request.transport.abort()
        return response

    return answer


async def reset(request):
    request.transport.abort()
    return web.Response()


async def silent(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await asyncio.Event().wait()


async def hung(_request):
    await asyncio.Event().wait()


async def call(relay, caller, **fields):
    async with relay.post(caller.secret, ask("own/model", **fields)) as response:
        return response, await response.text()


def pass_over(relay, ms):
    """Have so much time passed, and no more of itself, for what is known of offers."""
    healths = relay.deps.upstreams._router.healths
    now_ms = healths.now_ms() + ms
    healths.now_ms = lambda: now_ms


FAULTS = {
    "connection reset": reset,
    "hung": hung,
    **{f"status {code}": status(code) for code in (302, 401, 403, 404, 408, 409, 429, 500, 502, 503, 529)},
}
PLAIN_FAULTS = {
    "empty": plain(b""),
    "no JSON": plain(b"<html>"),
    "no choices": plain(b'{"choices": []}'),
    "an error for an answer": plain(b'{"error": {"message": "overloaded"}}'),
    "cut": cut_after(b'{"choices": [{"mess'),
}
STREAM_FAULTS = {
    "no stream": plain(json.dumps(WHOLE).encode()),
    "first event malformed": stream_of(b"data: {nonsense\n\n"),
    "first event an error": stream_of(ERROR),
    "a role, then an error": stream_of(ROLE + ERROR),
    "comments only": stream_of(b": hello\n\n"),
    "empty": stream_of(),
    "a head, then silence": silent,
    "usage only": stream_of(
        b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}\n\n'
    ),
}


def patience(fault):
    """Little with who says nothing; with the others nobody need be quick."""
    is_silent = fault in {"hung", "a head, then silence"}
    return dict.fromkeys(
        ("first_byte_timeout_s", "plain_timeout_s", "idle_timeout_s"), 1 if is_silent else 60
    )


@pytest.mark.parametrize("fault", [*FAULTS, *PLAIN_FAULTS])
async def test_another_offer_gives_the_whole_answer(start_relay, cheap, dear, caller, books, fault):
    cheap.answer = (FAULTS | PLAIN_FAULTS)[fault]
    relay = await start_relay(**patience(fault))

    response, text = await call(relay, caller)

    assert (response.status, response.headers["X-Provider"]) == (200, "dear")
    told = json.loads(text)
    assert {**told, "usage": None} == {**WHOLE, "usage": None}
    assert len(cheap.received) == len(dear.received) == 1
    [event] = books.events()
    assert (event.provider, event.status, event.upstream_n) == ("dear", 200, (10 + 2) * 2000)


@pytest.mark.parametrize("fault", [*FAULTS, *STREAM_FAULTS])
async def test_another_offer_gives_the_whole_stream(start_relay, cheap, dear, caller, books, fault):
    cheap.answer, dear.answer = (FAULTS | STREAM_FAULTS)[fault], GOOD
    relay = await start_relay(**patience(fault))

    response, text = await call(relay, caller, stream=True)

    assert (response.status, response.headers["X-Provider"]) == (200, "dear")
    first, last = chunks(text)
    assert first["choices"][0]["delta"] == {"content": "Hi."}
    assert last["choices"] == []
    [event] = books.events()
    assert (event.provider, event.output_tokens, event.finish_reason) == ("dear", 1, "stop")


async def test_a_provider_that_cannot_be_connected_to_is_stood_in_for(start_relay, dear, make, caller):
    make.provider("nowhere", base_url="http://127.0.0.1:9/v1")
    make.offer("own/model", provider="nowhere", prices={"input": "0", "output": "0"})
    relay = await start_relay()

    response, _ = await call(relay, caller)

    assert response.headers["X-Provider"] == "dear"


@pytest.mark.parametrize("rest", [ERROR, b"data: {nonsense\n\n", b""])
async def test_after_the_first_byte_nobody_stands_in(start_relay, cheap, dear, caller, rest):
    begun = asyncio.Event()

    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(delta("One"))
        await begun.wait()
        await response.write(rest)
        return response

    cheap.answer = answer
    relay = await start_relay()

    async with relay.post(caller.secret, ask("own/model", stream=True)) as response:
        seen = await response.content.readany()
        begun.set()
        seen += await response.content.read()

    first, last = chunks(seen.decode())
    assert first["choices"][0]["delta"] == {"content": "One"}
    assert last["choices"][0]["finish_reason"] == "error"
    assert response.headers["X-Provider"] == "cheap"
    assert dear.received == []


async def test_what_was_said_before_a_fault_in_one_piece_is_not_thrown_away(start_relay, cheap, dear, caller):
    cheap.answer = stream_of(delta("One") + ERROR)
    relay = await start_relay()

    _, text = await call(relay, caller, stream=True)

    assert chunks(text)[0]["choices"][0]["delta"] == {"content": "One"}
    assert dear.received == []


@pytest.mark.parametrize("code", [400, 413, 415, 422])
async def test_what_the_client_did_wrong_is_told_and_is_no_failure(start_relay, cheap, dear, caller, code):
    cheap.answer = status(code)
    relay = await start_relay()

    for _ in range(4):
        response, _ = await call(relay, caller)
        assert response.status == (413 if code == 413 else 400)

    assert (len(cheap.received), len(dear.received)) == (4, 0)


async def test_an_offer_that_fails_three_times_is_passed_over(start_relay, cheap, dear, caller):
    cheap.answer = status(500)
    relay = await start_relay()
    pass_over(relay, 0)

    for _ in range(6):
        response, _ = await call(relay, caller)
        assert response.status == 200

    assert (len(cheap.received), len(dear.received)) == (3, 6)


async def test_streams_that_break_off_count_as_failures(start_relay, cheap, dear, caller):
    cheap.answer, dear.answer = stream_of(delta("One")), GOOD
    relay = await start_relay()
    pass_over(relay, 0)

    served = [(await call(relay, caller, stream=True))[0].headers["X-Provider"] for _ in range(5)]

    assert served == ["cheap"] * 3 + ["dear"] * 2


async def test_our_refused_key_is_an_alarm_a_502_and_not_tried_again_at_once(
    start_relay, cheap, dear, caller, capsys
):
    cheap.answer, dear.answer = status(401), status(403)
    relay = await start_relay()
    pass_over(relay, 0)

    response, text = await call(relay, caller)

    assert response.status == 502
    assert response.headers["X-Provider"] == "dear"
    assert json.loads(text)["error"]["metadata"]["reason"] == (
        "cheap: the provider is misconfigured here; dear: the provider is misconfigured here"
    )
    assert capsys.readouterr().out.count("provider_refuses_our_key") == 2
    dear.answer = None
    pass_over(relay, 4_000)
    await call(relay, caller)  # both are open: a last resort
    assert len(cheap.received) == 2
    assert (await call(relay, caller))[0].headers["X-Provider"] == "dear"
    assert len(cheap.received) == 2


async def test_a_key_set_anew_is_tried_at_once(start_relay, cheap, dear, make, caller, db):
    cheap.answer = status(401)
    relay = await start_relay()
    await call(relay, caller)
    cheap.answer = None

    db.query(Provider).filter_by(name="cheap").one().sealed_key = seal(
        relay.deps.settings.provider_secret, "another key", context="provider:cheap"
    )
    make.provider("unrelated")  # has the catalogue read again
    db.commit()
    await relay.deps.catalog.refresh()

    assert (await call(relay, caller))[0].headers["X-Provider"] == "cheap"


async def test_a_busy_offer_is_left_alone_for_as_long_as_it_asks(start_relay, cheap, dear, caller):
    cheap.answer = status(429, **{"Retry-After": "30"})
    relay = await start_relay()
    pass_over(relay, 0)
    await call(relay, caller)
    cheap.answer = None

    pass_over(relay, 29_000)
    assert (await call(relay, caller))[0].headers["X-Provider"] == "dear"

    pass_over(relay, 1_000)
    assert (await call(relay, caller))[0].headers["X-Provider"] == "cheap"


async def test_of_many_calls_at_once_one_is_the_probe(start_relay, cheap, dear, caller):
    cheap.answer = status(401)
    relay = await start_relay()
    pass_over(relay, 0)
    await call(relay, caller)
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(_request):
        asked.set()
        await release.wait()
        return web.json_response(WHOLE)

    cheap.answer = slow
    cheap.received.clear()
    pass_over(relay, 5_000)

    calls = [asyncio.create_task(call(relay, caller)) for _ in range(10)]
    async with asyncio.timeout(20):
        await asked.wait()
    await until(lambda: sum(one.done() for one in calls) == 9)

    assert len(cheap.received) == 1
    release.set()
    served = [(await one)[0].headers["X-Provider"] for one in calls]
    assert sorted(served) == ["cheap"] + ["dear"] * 9
    assert (await call(relay, caller))[0].headers["X-Provider"] == "cheap"


async def test_a_hung_provider_holds_up_nobody_elses_models(start_relay, start_provider, cheap, caller):
    await start_provider("other", model="other/model")
    cheap.answer = hung
    relay = await start_relay()
    hanging = [asyncio.create_task(call(relay, caller)) for _ in range(20)]
    await until(lambda: len(cheap.received) == 20)

    async with asyncio.timeout(20):
        for _ in range(5):
            response = await relay.post(caller.secret, ask("other/model"))
            assert response.status == 200

    assert not any(one.done() for one in hanging)
    for one in hanging:
        one.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    await until(lambda: not relay.deps.running._charges)


async def test_another_proxy_learns_without_a_failing_call_of_its_own(start_relay, cheap, dear, caller):
    cheap.answer = status(429, **{"Retry-After": "300"})
    one, other = await start_relay(), await start_relay()
    await call(one, caller)

    await one.deps.sharing.share()
    await other.deps.sharing.share()
    response, _ = await call(other, caller)

    assert response.headers["X-Provider"] == "dear"
    assert len(cheap.received) == 1


async def test_a_proxy_that_starts_knows_what_the_others_know(start_relay, cheap, dear, caller):
    cheap.answer = status(429, **{"Retry-After": "300"})
    one = await start_relay()
    await call(one, caller)
    await one.deps.sharing.share()

    response, _ = await call(await start_relay(), caller)

    assert response.headers["X-Provider"] == "dear"
    assert len(cheap.received) == 1


@pytest.fixture
def another(make):
    """A caller of another account."""
    user = make.user(credits_usd="10")
    key = make.key(user)
    return Caller(user, key, make.secrets[key.id])


@pytest.mark.parametrize("fault", [status(500), status(429, **{"Retry-After": "300"}), status(403), hung])
async def test_no_account_takes_an_offer_from_another_by_what_it_asks(
    start_relay, cheap, dear, caller, another, fault
):
    relay = await start_relay(plain_timeout_s=0.3)
    pass_over(relay, 0)
    cheap.answer = fault
    for _ in range(4):
        await call(relay, caller)
    cheap.answer = None

    responses = [(await call(relay, whose))[0] for whose in (caller, another)]

    assert [response.headers["X-Provider"] for response in responses] == ["dear", "cheap"]


async def test_what_another_account_meets_too_takes_it_from_all(
    start_relay, cheap, dear, make, caller, another
):
    user = make.user(credits_usd="10")
    third, fourth = (Caller(user, key, make.secrets[key.id]) for key in (make.key(user), make.key(user)))
    relay = await start_relay()
    pass_over(relay, 0)
    cheap.answer = status(500)
    for whose in (caller, another, third):
        await call(relay, whose)
    cheap.answer = None

    response, _ = await call(relay, fourth)

    assert response.headers["X-Provider"] == "dear"


async def test_a_provider_nobody_can_reach_is_passed_over_for_all(
    start_relay, dear, make, caller, another, capsys
):
    make.provider("nowhere", base_url="http://127.0.0.1:9/v1")
    make.offer("own/model", provider="nowhere", prices={"input": "0", "output": "0"})
    relay = await start_relay()
    pass_over(relay, 0)
    for _ in range(3):
        await call(relay, caller)
    capsys.readouterr()

    response, _ = await call(relay, another)

    assert response.headers["X-Provider"] == "dear"
    assert "offer_failed" not in capsys.readouterr().out


async def test_clients_that_leave_open_nothing(start_relay, cheap, dear, caller):
    cheap.answer = hung
    relay = await start_relay()
    for number in range(1, 5):
        leaving = asyncio.create_task(call(relay, caller))
        await until(lambda number=number: len(cheap.received) == number)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    await until(lambda: not relay.deps.running._charges)
    cheap.answer = None

    response, _ = await call(relay, caller)

    assert response.headers["X-Provider"] == "cheap"


async def test_of_calls_through_many_proxies_one_is_the_probe(start_relay, cheap, dear, caller):
    cheap.answer = status(401)
    relays = [await start_relay() for _ in range(3)]
    for relay in relays:
        pass_over(relay, 0)
        await call(relay, caller)
    release = asyncio.Event()

    async def slow(_request):
        await release.wait()
        return web.json_response(WHOLE)

    cheap.answer = slow
    cheap.received.clear()
    for relay in relays:
        pass_over(relay, 5_000)

    calls = [asyncio.create_task(call(relay, caller)) for relay in relays for _ in range(4)]
    await until(lambda: sum(one.done() for one in calls) == 11)

    assert len(cheap.received) == 1
    release.set()
    served = [(await one)[0].headers["X-Provider"] for one in calls]
    assert sorted(served) == ["cheap"] + ["dear"] * 11


async def test_a_call_of_an_offer_that_is_well_asks_nobody_for_a_probe(
    start_relay, cheap, dear, caller, redis
):
    relay = await start_relay()
    redis.config_resetstat()

    for _ in range(5):
        await call(relay, caller)

    assert len(cheap.received) == 5
    assert "cmdstat_set" not in redis.info("commandstats")


async def test_in_an_outage_of_all_the_load_is_hardly_more_than_the_calls(start_relay, cheap, dear, caller):
    cheap.answer = dear.answer = status(500)
    relay = await start_relay()
    pass_over(relay, 0)

    for _ in range(40):
        response, _ = await call(relay, caller)
        assert response.status == 502

    # A burst of 20 and what these calls earn, a fifth of a retry each: of the first 24 every one is tried
    # again, then those numbered 26, 31 and 36.
    assert len(cheap.received) + len(dear.received) == 40 + 27


async def test_when_every_offer_is_open_a_call_is_tried_all_the_same(start_relay, cheap, caller):
    cheap.answer = status(401)
    relay = await start_relay()
    pass_over(relay, 0)
    await call(relay, caller)
    cheap.answer = None

    response, _ = await call(relay, caller)

    assert (response.status, response.headers["X-Provider"]) == (200, "cheap")
