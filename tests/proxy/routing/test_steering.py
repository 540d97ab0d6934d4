"""What a client says about who serves: `provider` and `models`, over HTTP."""

import json

import pytest
from aiohttp import web

from core.actions.allowed_models import set_allowed_models
from core.actions.audit import OPERATOR
from core.models import PriceCard
from core.rules.health import Pace
from tests.proxy.conftest import ask, chunks
from tests.proxy.own_provider import WHOLE, delta, stream_of


async def failing(_request):
    return web.Response(status=500)


async def call(relay, caller, **fields):
    async with relay.post(caller.secret, ask("own/model", **fields)) as response:
        return response, await response.text()


@pytest.fixture
async def fallback(start_provider):
    """Offers `other/model` at USD 5."""
    return await start_provider("other", usd="5", model="other/model")


@pytest.mark.parametrize(
    ("provider", "served"),
    [
        ({}, "cheap"),
        ({"sort": "price"}, "cheap"),
        ({"order": ["dear"]}, "dear"),
        ({"order": ["DEAR", "cheap"], "allow_fallbacks": False}, "dear"),
        ({"only": ["dear"]}, "dear"),
        ({"ignore": ["cheap"]}, "dear"),
        ({"max_price": {"prompt": 1, "completion": "1"}}, "cheap"),
        ({"order": ["dear"], "max_price": {"prompt": 1.5}}, "cheap"),
    ],
)
async def test_the_client_says_who_serves_and_no_provider_hears_of_it(
    start_relay, cheap, dear, caller, provider, served
):
    relay = await start_relay()

    response, _ = await call(relay, caller, provider=provider, models=["own/model"])

    assert (response.status, response.headers["X-Provider"]) == (200, served)
    [(_, body)] = cheap.received + dear.received
    assert not json.loads(body).keys() & {"provider", "models"}


@pytest.mark.parametrize(
    ("provider", "served"),
    [
        ({}, 200),
        ({"allow_fallbacks": True}, 200),
        ({"allow_fallbacks": False}, 502),
        ({"only": ["cheap"]}, 502),
        ({"order": ["cheap"]}, 200),
        ({"order": ["cheap"], "allow_fallbacks": False}, 502),
        ({"order": ["cheap", "dear"], "allow_fallbacks": False}, 200),
    ],
)
async def test_the_client_says_who_may_stand_in(start_relay, cheap, dear, caller, provider, served):
    cheap.answer = failing
    relay = await start_relay()

    response, _ = await call(relay, caller, provider=provider)

    assert response.status == served
    assert response.headers["X-Provider"] == ("dear" if served == 200 else "cheap")
    assert len(dear.received) == (served == 200)


@pytest.mark.parametrize("sort", ["latency", "throughput"])
async def test_the_fastest_of_late_is_asked_first(start_relay, cheap, dear, caller, sort):
    relay = await start_relay()
    healths = relay.deps.upstreams._router.healths
    for offer in relay.deps.catalog.now.models["own/model"].offers:
        pace = Pace(100.0, 90.0) if offer.provider.name == "dear" else Pace(200.0, 80.0)
        healths.hear_pace(offer.name, pace, at_ms=healths.now_ms())

    response, _ = await call(relay, caller, provider={"sort": sort})

    assert response.headers["X-Provider"] == "dear"


async def test_how_fast_an_offer_is_is_measured_by_what_it_serves(start_relay, cheap, caller):
    relay = await start_relay()
    healths = relay.deps.upstreams._router.healths
    [offer] = relay.deps.catalog.now.models["own/model"].offers

    await call(relay, caller)
    whole = healths.pace(offer)
    cheap.answer = stream_of(delta("Hi.", "stop"), b"data: [DONE]\n\n")
    await call(relay, caller, stream=True)
    streamed = healths.pace(offer)

    assert whole.first_ms is None  # a whole answer begins when it is over
    assert whole.tokens_per_s > 0
    assert streamed.first_ms > 0
    assert streamed.tokens_per_s != whole.tokens_per_s


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"provider": {"only": ["nobody"]}}, "provider"),
        ({"provider": {"max_price": {"completion": 0.01}}}, "provider"),
        ({"provider": {"sort": "best"}}, "provider.sort"),
        ({"provider": {"max_price": {"prompt": "free"}}}, "provider.max_price.prompt"),
        ({"provider": {"quantizations": []}}, "provider.quantizations"),
        ({"models": ["model"]}, "models"),
        ({"models": [7]}, "models[0]"),
        ({"models": ["a/b"] * 9 + [f"a/{n}" for n in range(9)]}, "models"),
    ],
)
async def test_what_cannot_be_followed_is_refused_by_name(start_relay, cheap, caller, fields, param):
    relay = await start_relay()

    response, text = await call(relay, caller, **fields)

    assert response.status == 400
    assert json.loads(text)["error"]["param"] == param
    assert cheap.received == []


async def test_another_model_stands_in_and_is_what_is_booked(
    start_relay, cheap, dear, fallback, caller, books, db
):
    cheap.answer = dear.answer = failing
    relay = await start_relay()

    response, _ = await call(relay, caller, models=["other/model"], max_tokens=50)

    assert (response.status, response.headers["X-Provider"]) == (200, "other")
    assert json.loads(fallback.received[0][1])["model"] == "other-model"
    [event] = books.events()
    assert (event.model_id, event.provider) == ("other/model", "other")
    assert event.upstream_n == (10 + 2) * 5000
    assert db.get(PriceCard, event.price_card_id).rates["input"] == 5 * 10**9
    assert books.charges() == [(10 + 2) * 5000 * 11 // 10]
    assert books.wallet(caller).balance_n == 10 * 10**9 - 66_000


async def test_a_stream_of_another_model_ends_with_its_name(start_relay, cheap, fallback, caller, books):
    cheap.answer = failing
    fallback.answer = stream_of(delta("Hi.", "stop"), b"data: [DONE]\n\n")
    relay = await start_relay()

    response, text = await call(relay, caller, stream=True, models=["other/model"])

    assert response.headers["X-Provider"] == "other"
    assert chunks(text)[-1]["model"] == "other/model"
    assert books.events()[0].model_id == "other/model"


async def test_when_every_model_fails_the_call_is_that_of_the_first(
    start_relay, cheap, fallback, caller, books
):
    cheap.answer = fallback.answer = failing
    relay = await start_relay()

    response, text = await call(relay, caller, models=["other/model"])

    assert (response.status, response.headers["X-Provider"]) == (502, "other")
    assert json.loads(text)["error"]["metadata"] == {
        "provider_name": "other",
        "reason": "cheap: status 500; other: status 500",
    }
    [event] = books.events()
    assert (event.model_id, event.status, event.charge_n) == ("own/model", 502, 0)


async def test_the_hold_is_that_of_the_dearest_model(start_relay, cheap, fallback, caller, books):
    held = []

    async def look(_request):
        held.extend(int(hold["h"]) for hold in books.holds())
        return web.json_response(WHOLE)

    cheap.answer = look
    relay = await start_relay()

    await call(relay, caller, max_tokens=100)
    await call(relay, caller, max_tokens=100, models=["other/model"])

    alone, together = held
    assert together > 5 * alone  # five times as dear, and the body is longer


async def test_each_model_must_be_allowed(start_relay, cheap, fallback, make, db):
    org = make.org(credits_usd="10")
    key = make.key(org=org)
    set_allowed_models(db, org, ["own/model"], by=OPERATOR)
    db.commit()
    relay = await start_relay()

    response = await relay.post(make.secrets[key.id], ask("own/model", models=["other/model"]))

    assert response.status == 403
    assert (await response.json())["error"]["code"] == "model_not_allowed"
    assert cheap.received == []


async def test_a_model_nobody_serves_now_is_left_out(start_relay, cheap, make, caller):
    make.provider("unset", api_key=None)
    make.offer("unset/model", provider="unset")
    relay = await start_relay()

    response = await relay.post(caller.secret, ask("unset/model", models=["own/model"]))

    assert (response.status, response.headers["X-Provider"]) == (200, "cheap")
