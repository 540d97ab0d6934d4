"""PDFs in every format, end to end: the same text for the model, the same charge to the nano-dollar."""

import json
from decimal import Decimal

import pytest
from aiohttp import web

from core.models import Model
from tests.proxy.own_provider import WHOLE
from tests.proxy.pdf.documents import as_block, as_file, as_input, pdf
from tests.proxy.pdf.readers import offer_reader
from tests.proxy.test_ways import BASES, FORMATS, PATHS, events, usage_in

PARTS = {"chat": as_file, "messages": as_block, "responses": as_input}
PAGE_N = 2_200_000  # USD 0.002 and 10 % fee
ANSWER_N = 22_000  # 10 tokens in at 1000 nano-dollars and 5 out at 2000, and 10 % fee
MARK = {"cache_control": {"type": "ephemeral"}}
QUESTION = "What does it say?"
HELLO = "[File report.pdf, 1 page]\n\n[Page 1]\nHello"
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hi."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 2},
}


def asking(form, *parts, engine=None, model="own/model", **fields):
    kind = "input_text" if form == "responses" else "text"
    said = [{"role": "user", "content": [{"type": kind, "text": QUESTION}, *parts]}]
    body = {
        "chat": {"messages": said, "max_tokens": 10},
        "messages": {"messages": said, "max_tokens": 10},
        "responses": {"input": said, "max_output_tokens": 10},
    }[form]
    if engine is not None:
        fields["plugins"] = [{"id": "file-parser", "pdf": {"engine": engine}}]
    return {"model": model, **body, **fields}


@pytest.fixture
def of_messages(make, provider):
    """`own/claude`, served by the test's own provider in the Messages format."""

    async def answer(request):
        return web.json_response(MESSAGE if request.path.endswith("/messages") else WHOLE)

    provider.answer = answer
    make.provider("anthropic", kind="anthropic", base_url=provider.api_base)
    make.offer("own/claude", provider="anthropic", upstream_model="theirs")
    return provider


@pytest.fixture
def reads(make, simulator):
    """A model of each dialect, `sim/<kind>`, and a reader: all of them the simulator's."""
    for kind, base in BASES.items():
        make.provider(kind, kind=kind, base_url=simulator.url + base)
        make.offer(
            f"sim/{kind}",
            provider=kind,
            upstream_model="tiny+prompt=10+tokens=5",
            prices={"input": "1", "output": "2"},
        )
    offer_reader(make, base_url=simulator.api_base)


def sent_to(provider):
    return json.loads(provider.received[-1][1])


@pytest.mark.parametrize("form", FORMATS)
async def test_a_model_that_takes_no_files_gets_the_text(start_relay, provider, caller, form):
    relay = await start_relay()
    body = asking(form, PARTS[form](pdf("Hello"), **MARK))

    response = await relay.post(caller.secret, body, path=PATHS[form])

    assert response.status == 200, await response.text()
    sent = sent_to(provider)
    assert sent["messages"][0]["content"] == [
        {"type": "text", "text": QUESTION},
        {"type": "text", "text": HELLO, **MARK},
    ]
    assert "plugins" not in sent


async def test_a_provider_of_the_messages_format_gets_a_block_of_text(start_relay, of_messages, caller):
    relay = await start_relay()
    block = as_block(pdf("Hello"), context="Of 2024.", **MARK)
    body = asking("messages", block, engine="pdf-text", model="own/claude")

    response = await relay.post(caller.secret, body, path=PATHS["messages"])

    assert response.status == 200, await response.text()
    sent = sent_to(of_messages)
    assert sent["messages"][0]["content"] == [
        {"type": "text", "text": QUESTION},
        {"type": "text", "text": f"Of 2024.\n\n{HELLO}", **MARK},
    ]
    assert set(sent) == {"model", "messages", "max_tokens"}


async def test_a_model_that_takes_files_gets_them_as_they_came(start_relay, of_messages, caller, make):
    make.db.get_one(Model, "own/claude").input_modalities = ["text", "file"]
    make.db.commit()
    relay = await start_relay()
    linked = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}
    body = asking("messages", as_block(b"x", citations={"enabled": True}), linked, model="own/claude")

    response = await relay.post(caller.secret, body, path=PATHS["messages"])

    assert response.status == 200, await response.text()
    assert sent_to(of_messages)["messages"] == body["messages"]


@pytest.mark.parametrize("form", ["messages", "responses"])
async def test_a_document_a_tool_gave_is_read_too(start_relay, provider, caller, form):
    relay = await start_relay()
    called = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [as_block(pdf("Hello"))]}
    said = {
        "messages": {"messages": [called, {"role": "user", "content": [result]}]},
        "responses": {
            "input": [
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": [as_input(pdf("Hello"))]},
            ]
        },
    }[form]

    response = await relay.post(caller.secret, {**asking(form), **said}, path=PATHS[form])

    assert response.status == 200, await response.text()
    told = {"role": "tool", "tool_call_id": "c1", "content": HELLO}
    assert sent_to(provider)["messages"][-1] == told


@pytest.mark.parametrize(
    ("form", "part", "param"),
    [
        ("messages", {"type": "document", "source": {"type": "file", "file_id": "f"}}, "messages[0].content[1].source"),
        ("messages", {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
         "messages[0].content[1].source"),
        ("messages", as_block(b"%PDF-1.7 broken"), "messages[0].content[1].source.data"),
        ("responses", {"type": "input_file", "file_id": "f"}, "input[0].content[1].file_id"),
        ("responses", {"type": "input_file", "file_url": "https://x/a.pdf"}, "input[0].content[1].file_url"),
        ("responses", as_input(pdf(b"")), "input[0].content[1].file_data"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_told_by_name(start_relay, provider, caller, books, form, part, param):
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(form, part), path=PATHS[form])
    error = (await response.json())["error"]

    assert response.status == 400
    assert error["param"] == param
    assert error["message"].startswith(param)
    assert provider.received == []
    assert books.holds() == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("form", "kind"), [*((form, "openai") for form in FORMATS), ("messages", "anthropic"), ("chat", "gemini")]
)
async def test_pages_that_are_paid_for_cost_the_same_in_every_format(
    start_relay, reads, caller, books, simulator, form, kind, stream
):
    relay = await start_relay()
    parts = [PARTS[form](pdf(b"", b"")), PARTS[form](pdf(b""))]
    body = asking(form, *parts, engine="mistral-ocr", model=f"sim/{kind}", stream=stream)

    response = await relay.post(caller.secret, body, path=PATHS[form])
    text = await response.text()

    assert response.status == 200, text
    told = json.loads(text, parse_float=Decimal)["usage"] if not stream else usage_in(form, events(text))
    assert told["cost"] == Decimal(3 * PAGE_N + ANSWER_N) / 10**9
    assert told["cost_details"] == {
        "upstream_inference_cost": Decimal("0.00002"),
        "file_parser": Decimal("0.006"),
        "fee": Decimal("0.000602"),
    }
    assert books.charges() == [3 * PAGE_N + ANSWER_N]
    asked = [record["path"].rpartition("/")[2] for record in simulator.truth.records()]
    assert asked[:2] == ["ocr", "ocr"]
    assert len(asked) == 3


@pytest.mark.parametrize("form", FORMATS)
async def test_an_estimate_tells_the_price_of_the_pages(start_relay, reads, caller, simulator, form):
    relay = await start_relay()
    body = asking(form, PARTS[form](pdf(b"", b"")), engine="mistral-ocr", model="sim/openai")

    response = await relay.post(caller.secret, body, path=f"/v1/cost/estimate?endpoint={form}")
    told = json.loads(await response.text(), parse_float=Decimal)

    # Two pages; a context of 8192 tokens at 1000 nano-dollars; 10 tokens of output at 2000; 10 % fee.
    assert told["cost"]["file_parser"] == Decimal("0.0044")
    assert told["hold"]["full"] == Decimal("0.0134332")
    assert simulator.truth.records() == []


@pytest.mark.parametrize("form", FORMATS)
async def test_a_document_is_measured_as_its_text(start_relay, provider, caller, form):
    relay = await start_relay()
    kind = "input_text" if form == "responses" else "text"
    plain = asking(form, {"type": kind, "text": HELLO})

    told = []
    for body in (asking(form, PARTS[form](pdf("Hello"))), plain):
        response = await relay.post(caller.secret, body, path=f"/v1/cost/estimate?endpoint={form}")
        told.append(await response.json())

    assert told[0]["input_tokens"] == told[1]["input_tokens"]
