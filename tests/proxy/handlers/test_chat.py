"""Whole conversations: a client, the relay, a provider, the books."""

import json
from decimal import Decimal

import pytest
from sqlalchemy import select

from core.models import LedgerEntry, UsageDaily, UsageEvent, Wallet
from core.money import usd
from tests.proxy.conftest import ask


def books(db, caller):
    """What the database says of the caller's calls: usage row, ledger row, balance."""
    db.expire_all()
    event = db.scalars(select(UsageEvent)).one()
    entry = db.scalars(select(LedgerEntry).where(LedgerEntry.kind == "usage")).one()
    return event, entry, db.get(Wallet, caller.user.wallet_id)


def chunks(text):
    """The events of a stream: parsed, but for the last word."""
    data = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(piece) for piece in data[:-1]]


async def test_a_plain_call_is_answered_and_charged_exactly(relay, caller, db, simulator):
    response = await relay.post(caller.secret, ask("acme/tiny", max_tokens=30))
    answer = json.loads(await response.text(), parse_float=Decimal)

    assert response.status == 200
    assert response.headers["X-Provider"] == "acme"
    event, entry, wallet = books(db, caller)
    usage = answer["usage"]
    upstream_n = usage["prompt_tokens"] * 150 + usage["completion_tokens"] * 600
    assert event.upstream_n == upstream_n
    assert event.charge_n == upstream_n * 11 // 10 + (upstream_n * 11 % 10 > 0)
    assert entry.amount_n == -event.charge_n
    assert wallet.balance_n == 10_000_000_000 - event.charge_n
    assert wallet.held_n == 0
    assert Decimal(usage["cost"]) == usd(event.charge_n)
    assert usage["cost_details"]["upstream_inference_cost"] == usd(upstream_n)
    assert usage["cost_details"]["fee"] == usd(event.charge_n - upstream_n)
    assert response.headers["X-Request-Id"] == str(event.request_id)
    truth = simulator.truth.records(request_id=str(event.request_id))
    assert [record["how"] for record in truth] == ["done"]
    assert (event.input_tokens, event.output_tokens) == (
        truth[0]["prompt_tokens"],
        truth[0]["completion_tokens"],
    )


async def test_a_streamed_call_ends_with_its_usage_and_cost(relay, caller, db):
    response = await relay.post(caller.secret, ask(stream=True, max_tokens=30))
    events = chunks(await response.text())

    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert [e for e in events[:-1] if e.get("usage")] == []
    last = events[-1]
    event, entry, _wallet = books(db, caller)
    assert last["choices"] == []
    assert Decimal(str(last["usage"]["cost"])) == usd(event.charge_n) == usd(-entry.amount_n)
    assert event.stream
    assert event.reason == "done"
    assert event.finish_reason in {"stop", "length"}


@pytest.mark.parametrize("stream", [False, True])
async def test_one_dollar_of_list_usage_is_charged_one_dollar_ten(relay, caller, db, make, stream):
    make.offer(
        "acme/dear",
        upstream_model="dear+prompt=400000+cached=100000+tokens=20+reasoning=8",
        context=500_000,
        prices={"input": "2.00", "output": "10000", "cached_read": "1.00"},
    )  # 300,000 x 2 + 100,000 x 1 = 0.70; 30 x 10,000 = 0.30
    await relay.deps.catalog.refresh()

    response = await relay.post(caller.secret, ask("acme/dear", stream=stream, max_tokens=30))
    text = await response.text()

    event, entry, wallet = books(db, caller)
    told = chunks(text)[-1]["usage"] if stream else json.loads(text)["usage"]
    assert (event.input_tokens, event.cached_tokens) == (400_000, 100_000)
    upstream_n = 700_000_000 + event.output_tokens * 10_000_000
    assert event.upstream_n == upstream_n
    assert event.charge_n == upstream_n * 11 // 10
    assert entry.amount_n == -event.charge_n
    assert wallet.balance_n == 10_000_000_000 - event.charge_n
    assert Decimal(str(told["cost"])) == usd(event.charge_n)
    daily = db.scalars(select(UsageDaily)).one()
    assert (daily.charge_n, daily.cached_tokens) == (event.charge_n, 100_000)
