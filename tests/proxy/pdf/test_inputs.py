"""PDFs of chat calls, end to end: who reads them, and that what is held covers what is read."""

import json

import pytest
from aiohttp import web

from proxy.catalog import Snapshot
from proxy.chat_call import ChatCall
from proxy.pdf.inputs import engine_of
from tests.proxy.conftest import ask, until
from tests.proxy.own_provider import WHOLE
from tests.proxy.pdf.documents import as_file, bomb, pdf
from tests.proxy.test_meter import model


def asking(*files, engine=None, **fields):
    parts = [{"type": "text", "text": "What does it say?"}, *files]
    body = {
        "model": "own/model",
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": 10,
        **fields,
    }
    if engine is not None:
        body["plugins"] = [{"id": "file-parser", "pdf": {"engine": engine}}]
    return body


def call(**fields):
    return ChatCall.parse(json.dumps(ask("a/b", [as_file(b"x")], **fields)).encode())


@pytest.mark.parametrize(
    ("modalities", "engine"), [(("text",), "pdf-text"), (("text", "file"), "native"), (("pdf",), "native")]
)
def test_unless_told_the_model_reads_what_it_takes_and_we_the_rest(modalities, engine):
    snapshot = Snapshot(1, {"a/b": model(id="a/b", input_modalities=modalities)})

    assert engine_of(call(), snapshot) == engine
    asked = [{"id": "file-parser", "pdf": {"engine": "pdf-text"}}]
    assert engine_of(call(plugins=asked), snapshot) == "pdf-text"


def test_of_several_models_all_must_take_files():
    takes, not_ = model(id="a/b", input_modalities=("file",)), model(id="a/c")
    snapshot = Snapshot(1, {"a/b": takes, "a/c": not_})

    assert engine_of(call(models=["a/b", "a/nobody"]), snapshot) == "native"
    assert engine_of(call(models=["a/b", "a/c"]), snapshot) == "pdf-text"


def test_a_call_without_files_is_left_alone():
    asked = [{"id": "file-parser", "pdf": {"engine": "pdf-text"}}]
    plain = ChatCall.parse(json.dumps(ask("a/b", plugins=asked)).encode())

    assert engine_of(plain, Snapshot(1, {})) == "native"


async def test_a_model_gets_the_text_of_a_document_page_by_page(start_relay, provider, caller):
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(as_file(pdf("Hello", "World"))))

    assert response.status == 200
    sent = json.loads(provider.received[0][1])
    assert sent["messages"][0]["content"] == [
        {"type": "text", "text": "What does it say?"},
        {"type": "text", "text": "[File report.pdf, 2 pages]\n\n[Page 1]\nHello\n\n[Page 2]\nWorld"},
    ]
    assert set(sent) == {"model", "messages", "max_tokens"}


async def test_native_sends_the_document_on_byte_for_byte(start_relay, provider, caller):
    relay = await start_relay()
    body = asking(as_file(b"whatever"), {"type": "file", "file": {"file_id": "file-1"}}, engine="native")

    response = await relay.post(caller.secret, body)

    assert response.status == 200
    sent = json.loads(provider.received[0][1])
    assert sent["messages"] == body["messages"]
    assert "plugins" not in sent


async def test_what_is_held_covers_the_text_that_was_read(start_relay, provider, caller, make, books):
    relay = await start_relay()
    held = []

    async def answer(_request):
        held.extend(books.holds())
        return web.json_response(WHOLE)

    provider.answer = answer
    small = b"BT /F1 1 Tf 72 700 Td (%s) Tj ET" % (b"word " * 150)
    body = asking(as_file(pdf(small, small, small)))

    await relay.post(caller.secret, body)

    sent = json.loads(provider.received[0][1])["messages"][0]["content"][1]["text"]
    assert sent.count("word") == 450
    # Two bytes a token at least, at 1000 nano-dollars; 10 tokens of output at 2000; 10 % fee.
    assert int(held[0]["h"]) > (len(sent) // 2 * 1000 + 10 * 2000) * 1.1


async def test_a_document_is_measured_as_its_text_and_not_as_a_file(start_relay, provider, caller):
    relay = await start_relay()
    headers = {"Authorization": f"Bearer {caller.secret}"}
    plain = asking({"type": "text", "text": "[File report.pdf, 1 page]\n\n[Page 1]\nHello"})

    told = []
    for body in (asking(as_file(pdf("Hello"))), plain):
        async with relay.session.post(
            f"{relay.url}/v1/cost/estimate", json=body, headers=headers
        ) as response:
            told.append(await response.json())

    assert told[0]["input_tokens"] == told[1]["input_tokens"]
    assert provider.received == []


@pytest.mark.parametrize(
    ("part", "param"),
    [
        (as_file(b"%PDF-1.7 broken"), "messages[0].content[1].file.file_data"),
        (as_file(pdf(b"")), "messages[0].content[1].file.file_data"),
        (as_file(bomb(250)), "messages[0].content[1].file.file_data"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "messages[0].content[1].file.file_id"),
    ],
    ids=["broken", "scanned", "bomb", "elsewhere"],
)
async def test_what_cannot_be_read_costs_nothing_and_is_told_by_name(
    start_relay, provider, caller, books, part, param
):
    relay = await start_relay()

    response = await relay.post(caller.secret, asking(part))

    assert response.status == 400
    assert (await response.json())["error"]["param"] == param
    assert provider.received == []
    assert [(row.status, row.charge_n) for row in await until(books.events)] == [(400, 0)]


async def test_media_that_are_no_documents_go_on_as_they_are(start_relay, provider, caller):
    relay = await start_relay()
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    body = asking(sound, engine="pdf-text")

    response = await relay.post(caller.secret, body)

    assert response.status == 200
    assert json.loads(provider.received[0][1])["messages"] == body["messages"]
