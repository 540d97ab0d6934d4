"""Every way to break an answer, over real HTTP."""

import json

import pytest

from simulator.dialect import Frame
from simulator.directives import MALFORMED
from simulator.malformed import LONG_LINE_BYTES, spoil

USAGE = {"include_usage": True}


def payloads(raw: bytes) -> list[bytes]:
    return [line.removeprefix(b"data: ") for line in raw.split(b"\n\n") if line]


def readable(payload: bytes) -> bool:
    try:
        json.loads(payload.decode())
    except ValueError:
        return False
    return True


async def stream(caller, how: str) -> bytes:
    return await caller.raw(f"tiny+tokens=6+malformed={how}", stream_options=USAGE)


async def test_one_chunk_is_no_json(caller):
    chunks = payloads(await stream(caller, "json"))

    assert [readable(chunk) for chunk in chunks].count(False) == 2
    assert chunks[-1] == b"[DONE]"


async def test_one_line_has_no_data_field(caller):
    raw = await stream(caller, "nodata")

    lines = [line for line in raw.split(b"\n\n") if line]
    assert [line.startswith(b"data: ") for line in lines].count(False) == 1


async def test_a_byte_order_mark_comes_first(caller):
    assert (await stream(caller, "bom")).startswith(b"\xef\xbb\xbfdata: {")


async def test_line_ends_are_crlf(caller):
    raw = await stream(caller, "crlf")

    assert raw.count(b"\n") == raw.count(b"\r\n") > 0


async def test_one_chunk_is_no_utf8(caller):
    raw = await stream(caller, "utf8")

    with pytest.raises(UnicodeDecodeError):
        raw.decode()
    assert raw.replace(b"\xff\xfe", b"").decode().endswith("[DONE]\n\n")


async def test_a_character_is_cut_in_two_writes(caller):
    url = f"{caller.simulator.api_base}/chat/completions"
    body = {"model": "tiny+malformed=split", "stream": True, "messages": [{"role": "user", "content": "x"}]}

    async with caller.session.post(url, json=body, headers={"Authorization": "Bearer k"}) as response:
        writes = [data async for data, _ in response.content.iter_chunks()]

    assert "漢" in b"".join(writes).decode()
    frames = [Frame(b'{"a":"b"}', "content", 1)]
    assert [frame.data.count("漢".encode()) for frame in spoil(frames, "split")] == [0, 0]


async def test_a_chunk_holds_a_nul_byte(caller):
    assert (await stream(caller, "nul")).count(b"\x00") == 1


async def test_a_line_is_five_mebibytes_long(caller):
    raw = await stream(caller, "longline")

    assert max(map(len, raw.split(b"\n"))) > LONG_LINE_BYTES


async def test_usage_is_told_twice_with_different_numbers(caller):
    chunks = [json.loads(chunk) for chunk in payloads(await stream(caller, "doubleusage"))[:-1]]

    told = [chunk["usage"]["completion_tokens"] for chunk in chunks if chunk["usage"]]
    assert told == [6, 96]


async def test_data_follow_the_end(caller):
    chunks = payloads(await stream(caller, "afterdone"))

    assert chunks.index(b"[DONE]") == len(chunks) - 2
    assert json.loads(chunks[-1])["choices"]


async def test_the_end_is_never_told(caller):
    raw = await stream(caller, "nodone")

    assert b"[DONE]" not in raw
    assert json.loads(payloads(raw)[-1])["usage"]["completion_tokens"] == 6


async def test_the_stream_ends_in_the_middle_of_a_chunk(caller):
    raw = await stream(caller, "truncated")

    assert not raw.endswith(b"\n\n")
    assert not readable(payloads(raw)[-1])
    assert caller.records[-1]["tokens_sent"] == 3


@pytest.mark.parametrize("how", ["json", "bom", "utf8", "nul", "afterdone", "truncated"])
async def test_a_plain_answer_is_broken_too(caller, how):
    async with caller.post(f"tiny+malformed={how}") as response:
        body = await response.read()

    assert response.status == 200
    assert not readable(body)


@pytest.mark.parametrize("how", MALFORMED)
@pytest.mark.parametrize("streamed", [False, True])
async def test_no_kind_fails_even_without_text(caller, how, streamed):
    async with caller.post(f"tiny+tokens=0+malformed={how}", stream=streamed) as response:
        await response.read()

    assert response.status == 200
    assert caller.records[-1]["how"] == "done"
    assert caller.records[-1]["fault"] == f"malformed={how}"
