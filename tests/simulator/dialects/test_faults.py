"""Faults strike alike in every dialect; OpenAI's chat has tests of its own for each."""

import asyncio
import json

import aiohttp
import pytest

from simulator.directives import MALFORMED


def readable(data: bytes) -> bool:
    try:
        json.loads(data.decode())
    except ValueError:
        return False
    return True


def data_lines(raw: bytes) -> list[bytes]:
    lines = [line.removeprefix(b"data: ") for line in raw.splitlines() if line.startswith(b"data: ")]
    return [line for line in lines if line != b"[DONE]"]


@pytest.mark.parametrize("how", MALFORMED)
@pytest.mark.parametrize("tokens", [0, 6])
@pytest.mark.parametrize("streamed", [False, True])
async def test_no_kind_of_malformed_answer_fails(provider, how, tokens, streamed):
    async with provider.post(f"tiny+tokens={tokens}+malformed={how}", stream=streamed) as response:
        await response.read()

    assert response.status == 200
    assert (provider.record["how"], provider.record["fault"]) == ("done", f"malformed={how}")


@pytest.mark.parametrize("how", ["json", "utf8", "nul"])
async def test_one_event_cannot_be_read(provider, how):
    raw = await provider.raw(f"tiny+tokens=6+malformed={how}")

    assert [readable(line) for line in data_lines(raw)].count(False) == 1


async def test_a_line_without_data_is_one_event_less(provider):
    whole = await provider.raw("tiny+tokens=6")
    broken = await provider.raw("tiny+tokens=6+malformed=nodata")

    assert len(data_lines(broken)) == len(data_lines(whole)) - 1


@pytest.mark.parametrize("how", ["split", "longline"])
async def test_what_is_allowed_breaks_no_event(provider, how):
    raw = await provider.raw(f"tiny+tokens=6+malformed={how}")

    assert all(readable(line) for line in data_lines(raw))
    assert ("漢".encode() in raw) is (how == "split")


async def test_line_ends_are_crlf(provider):
    raw = await provider.raw("tiny+tokens=6+malformed=crlf")

    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r") > 0


async def test_usage_is_told_again_with_other_numbers(provider):
    options = {"stream_options": {"include_usage": True}} if "completions" in provider.path("", True) else {}

    events = await provider.events("tiny+tokens=6+malformed=doubleusage", **options)

    usages = [event.get("usageMetadata") or event.get("usage") for event in events]
    counts = [
        usage.get("candidatesTokenCount") or usage.get("output_tokens") or usage.get("completion_tokens")
        for usage in usages
        if usage
    ]
    assert counts[-2:] == [6, 96]


@pytest.mark.parametrize(("how", "is_told"), [("nodone", False), ("crlf", True)])
async def test_the_end_can_be_left_out(provider, how, is_told):
    raw = await provider.raw(f"tiny+tokens=6+malformed={how}")

    assert any(end in raw for end in (b"[DONE]", b"message_stop", b"finishReason")) is is_told


async def test_events_can_follow_the_end(provider):
    raw = await provider.raw("tiny+tokens=6+malformed=afterdone")

    end = max(raw.find(b"[DONE]"), raw.find(b"message_stop"), raw.find(b"finishReason"))
    assert b'"text":"' in raw[end:].partition(b"\n")[2]


async def test_a_stream_can_end_within_an_event(provider):
    raw = await provider.raw("tiny+tokens=6+malformed=truncated")

    assert not readable(data_lines(raw)[-1])
    assert provider.record["tokens_sent"] == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_can_be_cut(provider, stream):
    async with provider.post("tiny+tokens=6+cut", stream=stream) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    assert (provider.record["how"], provider.record["fault"]) == ("cut", "cut")
    assert provider.record["tokens_sent"] == (3 if stream else 0)


@pytest.mark.parametrize(
    ("directive", "status", "kind", "start"),
    [
        ("empty", 200, "application/json", b""),
        ("notjson", 200, "text/html", b"<!doctype html>"),
        ("status=503", 503, "application/json", b"{"),
    ],
)
async def test_an_answer_can_be_none(provider, directive, status, kind, start):
    async with provider.post(f"tiny+{directive}") as response:
        body = await response.read()

    assert (response.status, response.content_type) == (status, kind)
    assert body.startswith(start)


async def test_a_limit_can_be_ignored(provider):
    limits = {"max_tokens": 5} if "max_tokens" in provider.body("", False) else {}

    async with provider.post("tiny+overrun=300", **limits) as response:
        await response.read()

    assert provider.record["completion_tokens"] == provider.record["tokens_sent"] == 300


async def test_a_refused_call_is_reset(provider):
    with pytest.raises(aiohttp.ClientConnectionError):
        await provider.ask("tiny+refuse")

    assert provider.record["how"] == "refused"


async def test_a_hanging_stream_has_sent_its_first_half(provider, simulator, until):
    calling = asyncio.create_task(provider.raw("tiny+tokens=6+hang_mid"))
    await until(lambda: [one for one in simulator.truth._running.values() if one.tokens_sent == 3])

    calling.cancel()

    await until(lambda: provider.caller.records)
    assert (provider.record["how"], provider.record["tokens_sent"]) == ("hung", 3)


async def test_thoughts_come_before_a_cut_that_leaves_no_content(anthropic):
    async with anthropic.post(
        "tiny+reasoning=4+cut=0", stream=True, thinking={"type": "adaptive"}
    ) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    assert anthropic.record["tokens_sent"] == 4


@pytest.mark.parametrize("path", ["/v1/messages", "/v1beta/models/tiny:generateContent", "/v1/completions"])
async def test_a_body_that_is_no_json_object_is_refused(caller, path):
    keys = {
        "x-api-key": "k",
        "anthropic-version": "2026-10-21",
        "x-goog-api-key": "k",
        "Authorization": "Bearer k",
    }

    for body in (b"", b"{", b"[]", b"\xff", b"[" * 100_000):
        async with caller.session.post(caller.simulator.url + path, data=body, headers=keys) as response:
            assert response.status == 400
            assert "error" in await response.json()
