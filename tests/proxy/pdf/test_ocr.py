"""PDFs read by Mistral's OCR: paid by the page, exactly, however the call ends."""

import asyncio
import json
from decimal import Decimal

import msgspec
import pytest
from aiohttp import web

from core.actions.allowed_models import set_allowed_models
from core.actions.audit import OPERATOR
from proxy.pdf.ocr import Page, Reading
from tests.proxy.conftest import until
from tests.proxy.pdf.documents import as_file, pdf
from tests.proxy.pdf.readers import offer_reader
from tests.proxy.pdf.test_inputs import asking

PAGE_N = 2_200_000  # USD 0.002 and 10 % fee
TWO_PAGES = as_file(pdf(b"", b""))


@pytest.fixture
def reads(make, simulator):
    """Offers the simulator's reader, told what to do by directives, or another."""

    def offer(directives="", *, base_url=None):
        offer_reader(make, base_url=base_url or simulator.api_base, directives=directives)

    return offer


def reading(**fields):
    body = json.dumps({"pages": [{"index": 0, "markdown": "x"}], **fields}).encode()
    return msgspec.json.decode(body, type=Reading)


@pytest.mark.parametrize(
    ("used", "pays"),
    [
        ({"usage_info": {"pages_processed": 3}}, (3, False)),
        ({"usage_info": {"pages_processed": 2}}, (2, False)),
        ({"usage_info": {"pages_processed": 0}}, (0, False)),
        ({"usage_info": {"pages_processed": 4}}, (3, True)),
        ({"usage_info": {"pages_processed": -1}}, (3, True)),
        ({"usage_info": {"pages_processed": 2.5}}, (3, True)),
        ({"usage_info": {"pages_processed": True}}, (3, True)),
        ({"usage_info": {"pages_processed": None}}, (3, False)),
        ({"usage_info": []}, (3, False)),
        ({}, (3, False)),
    ],
)
def test_of_three_pages_those_are_paid_that_the_provider_states_and_never_more(used, pays):
    assert reading(**used).pages_to_pay(3) == pays


def test_pages_are_told_in_their_order():
    assert Reading((Page(1, "two"), Page(0, "one"))).text == ("one", "two")


async def test_a_scanned_document_is_read_and_its_pages_are_charged(
    start_relay, provider, caller, reads, simulator, books
):
    reads()
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(TWO_PAGES, as_file(pdf(b"")), engine="mistral-ocr"))
    usage = json.loads(await response.text(), parse_float=Decimal)["usage"]

    assert response.status == 200
    sent = json.loads(provider.received[0][1])["messages"][0]["content"]
    assert sent[1]["text"].startswith("[File report.pdf, 2 pages]\n\n[Page 1]\n# Page 1\n\n")
    assert sent[2]["text"].startswith("[File report.pdf, 1 page]\n\n[Page 1]\n# Page 1\n\n")
    # 10 tokens in at 1000 nano-dollars and 2 out at 2000; three pages at 2,000,000; 10 % fee on both.
    assert usage["cost"] == Decimal("0.0066154")
    assert usage["cost_details"] == {
        "upstream_inference_cost": Decimal("0.000014"),
        "file_parser": Decimal("0.006"),
        "fee": Decimal("0.0006014"),
    }
    assert books.charges() == [3 * PAGE_N + 15_400]
    assert [record["path"] for record in simulator.truth.records()] == ["/v1/ocr", "/v1/ocr"]
    assert books.events()[0].disputed is False


async def test_what_is_held_covers_the_pages_and_all_that_may_stand_on_them(
    start_relay, provider, caller, reads, books
):
    reads("hang")
    relay = await start_relay()
    posting = asyncio.create_task(_post(relay, caller, asking(TWO_PAGES, engine="mistral-ocr")))

    held = await until(books.holds)

    # Two pages; a context of 8192 tokens at 1000 nano-dollars; 10 tokens of output at 2000; 10 % fee.
    assert int(held[0]["h"]) == 2 * PAGE_N + (8192 * 1000 + 10 * 2000) * 11 // 10
    posting.cancel()
    await asyncio.wait({posting})


async def test_an_estimate_tells_the_price_of_the_pages(start_relay, provider, caller, reads, simulator):
    reads()
    relay = await start_relay()
    body = asking(TWO_PAGES, engine="mistral-ocr")

    response = await relay.post(caller.secret, body, path="/v1/cost/estimate")
    told = json.loads(await response.text(), parse_float=Decimal)

    assert told["cost"]["file_parser"] == Decimal("0.0044")
    assert told["cost"]["at_most"] == told["hold"]["full"] == Decimal("0.0134332")
    assert told["offers"][0]["at_most"] == told["cost"]["at_most"]
    assert simulator.truth.records() == []


@pytest.mark.parametrize(
    ("directives", "charged", "disputed"),
    [("prompt=1", 1, False), ("prompt=9", 2, True), ("usage=zero", 0, False)],
)
async def test_never_more_pages_are_charged_than_there_are(
    start_relay, provider, caller, reads, books, directives, charged, disputed
):
    reads(directives)
    relay = await start_relay()

    await relay.post(caller.secret, asking(TWO_PAGES, engine="mistral-ocr"))

    assert books.charges() == [charged * PAGE_N + 15_400]
    assert books.events()[0].disputed is disputed


@pytest.mark.parametrize(
    ("directives", "status"),
    [
        ("status=500", 502),
        ("status=401", 502),
        ("status=404", 502),
        ("status=422", 400),
        ("refuse", 502),
        ("cut", 502),
        ("notjson", 502),
        ("malformed=json", 502),
        ("hang", 502),
    ],
)
async def test_pages_nobody_read_cost_nothing(
    start_relay, provider, caller, reads, books, directives, status
):
    reads(directives)
    relay = await start_relay(plain_timeout_s=0.5 if directives == "hang" else 60)

    response = await relay.post(caller.secret, asking(TWO_PAGES, engine="mistral-ocr"))
    error = (await response.json())["error"]

    assert response.status == status
    assert "mistral" in error["message"]
    assert provider.received == []
    assert [(row.status, row.charge_n) for row in await until(books.events)] == [(status, 0)]
    assert books.holds() == []


async def test_pages_that_were_read_are_charged_when_no_model_answers(
    start_relay, make, simulator, caller, reads, books
):
    reads()
    make.provider("own", base_url=simulator.api_base)
    make.offer("own/model", provider="own", upstream_model="tiny+status=500")
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(TWO_PAGES, engine="mistral-ocr"))

    assert response.status == 502
    event = (await until(books.events))[0]
    assert (event.status, event.charge_n, event.upstream_n) == (502, 2 * PAGE_N, 4_000_000)
    assert event.provider == "mistral"
    assert books.wallet(caller).balance_n == 10 * 10**9 - 2 * PAGE_N


async def test_when_the_second_document_fails_the_first_is_charged(
    start_relay, provider, caller, reads, books
):
    async def answer(_request):
        if len(provider.received) > 1:
            return web.Response(status=500)
        pages = [{"index": 0, "markdown": "a"}, {"index": 1, "markdown": "b"}]
        return web.json_response({"pages": pages, "usage_info": {"pages_processed": 2}})

    provider.answer = answer
    reads(base_url=provider.api_base)
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(TWO_PAGES, as_file(pdf(b"")), engine="mistral-ocr"))

    assert response.status == 502
    assert "messages[0].content[2]" in (await response.json())["error"]["message"]
    assert [row.charge_n for row in await until(books.events)] == [2 * PAGE_N]


async def test_a_client_that_leaves_pays_for_the_pages_that_are_read_meanwhile(
    start_relay, provider, caller, reads, simulator, books
):
    reads("wait=1")
    relay = await start_relay()
    posting = asyncio.create_task(_post(relay, caller, asking(TWO_PAGES, engine="mistral-ocr")))
    await until(books.holds)
    await until(lambda: simulator.truth._running)

    posting.cancel()
    await asyncio.wait({posting})

    await until(books.events)
    assert [(row.status, row.reason, row.charge_n) for row in books.events()] == [
        (499, "client_gone", 2 * PAGE_N)
    ]
    assert provider.received == []


async def test_a_stream_tells_the_pages_too(start_relay, make, simulator, caller, reads, books):
    reads()
    make.provider("own", base_url=simulator.api_base)
    make.offer(
        "own/model", provider="own", upstream_model="tiny+tokens=5", prices={"input": "1", "output": "2"}
    )
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(TWO_PAGES, engine="mistral-ocr", stream=True))
    last = [line for line in (await response.text()).split("\n") if '"usage"' in line][-1]
    usage = json.loads(last.removeprefix("data: "), parse_float=Decimal)["usage"]

    assert usage["cost_details"]["file_parser"] == Decimal("0.004")
    assert sum(usage["cost_details"].values()) == usage["cost"]
    assert books.charges() == [int(usage["cost"] * 10**9)]


async def test_a_balance_below_the_pages_is_refused_before_anything_is_read(
    start_relay, provider, make, reads, simulator
):
    reads()
    relay = await start_relay()
    poor = make.secrets[make.key(make.user(credits_usd="0.004")).id]

    response = await relay.post(poor, asking(TWO_PAGES, engine="mistral-ocr", stream=True))

    assert response.status == 402
    assert simulator.truth.records() == []


async def test_who_may_not_use_the_reader_may_not_use_the_engine(
    start_relay, provider, make, db, reads, simulator
):
    reads()
    org = make.org(credits_usd="1")
    set_allowed_models(db, org, ["own/*"], by=OPERATOR)
    db.commit()
    key = make.key(org=org)
    relay = await start_relay()

    refused = await relay.post(make.secrets[key.id], asking(TWO_PAGES, engine="mistral-ocr"))
    served = await relay.post(make.secrets[key.id], asking(as_file(pdf("x")), engine="pdf-text"))

    assert (refused.status, served.status) == (403, 200)
    assert simulator.truth.records() == []


async def test_without_a_reader_the_engine_is_unavailable(start_relay, provider, caller):
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(TWO_PAGES, engine="mistral-ocr"))

    assert response.status == 503
    assert "pdf-text" in (await response.json())["error"]["message"]


async def test_a_document_with_too_many_pages_is_refused_before_it_costs(
    start_relay, provider, caller, reads, simulator
):
    reads()
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(as_file(pdf(*[b""] * 501)), engine="mistral-ocr"))

    assert response.status == 400
    assert simulator.truth.records() == []


async def _post(relay, caller, body):
    async with relay.post(caller.secret, body) as response:
        return response.status
