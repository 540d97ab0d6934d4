"""Thoughts nobody saw, beside the bound: charged above the hold of a whole answer, and at most the hold of any other.

Input costs 1,000 nano-dollars a token and output 2,000, and there are 10 % fee.
"""

import json

import pytest
from aiohttp import web

from tests.proxy.conftest import ask

IN, OUT, THOUGHT = 10, 3002, 3000
STATED_N = (IN * 1000 + OUT * 2000) * 11 // 10
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "gemini": "/v1/responses"}


def openai(total):
    usage = {
        "prompt_tokens": IN,
        "completion_tokens": OUT,
        "completion_tokens_details": {"reasoning_tokens": THOUGHT},
    }
    return [
        {"choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {**usage, "total_tokens": total}},
    ]  # fmt: skip


def anthropic(total):
    """It states no total: what contradicts is the input, before and after."""
    first = {"input_tokens": IN + IN + OUT - total, "output_tokens": 1}
    last = {"input_tokens": IN, "output_tokens": OUT, "output_tokens_details": {"thinking_tokens": THOUGHT}}
    return [
        {"type": "message_start", "message": {"id": "m", "content": [], "usage": first}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last},
        {"type": "message_stop"},
    ]


def gemini(total):
    counts = {"promptTokenCount": IN, "candidatesTokenCount": OUT - THOUGHT, "thoughtsTokenCount": THOUGHT}
    said = {"content": {"parts": [{"text": "Hi."}]}, "finishReason": "STOP"}
    return [{"candidates": [said], "usageMetadata": {**counts, "totalTokenCount": total}}]


EVENTS = {"openai": openai, "anthropic": anthropic, "gemini": gemini}
WHOLE, CUT = "whole", "cut"


def stream(events, *, last):
    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        if last == CUT:
            request.transport.abort()
        elif last != WHOLE:
            await response.write(last)
        return response

    return answer


@pytest.mark.parametrize(
    ("dialect", "total", "last", "is_believed"),
    [
        ("openai", IN + OUT, b"data: [DONE]\n\n", True),
        ("openai", IN + OUT, WHOLE, False),  # its last word is missing
        ("openai", IN + OUT, CUT, False),
        ("openai", IN + OUT, b'data: {"error": {"message": "x"}}\n\n', False),
        ("openai", IN + OUT - 1, b"data: [DONE]\n\n", False),
        ("anthropic", IN + OUT, WHOLE, True),
        ("anthropic", IN + OUT - 1, WHOLE, False),
        ("gemini", IN + OUT, WHOLE, True),
        ("gemini", IN + OUT, CUT, False),
        ("gemini", IN + OUT - 1, WHOLE, False),
    ],
)
async def test_only_of_a_whole_answer_more_is_charged_than_was_held(
    start_relay, make, provider, caller, books, dialect, total, last, is_believed
):
    provider.answer = stream(EVENTS[dialect](total), last=last)
    make.provider(dialect, kind=dialect, base_url=provider.api_base)
    make.offer(f"own/{dialect}", provider=dialect, prices={"input": "1", "output": "2"})
    relay = await start_relay()
    body = ask(f"own/{dialect}", stream=True, max_tokens=50)
    if dialect == "gemini":
        body = {"model": "own/gemini", "input": "Say it.", "stream": True, "max_output_tokens": 50}

    async with relay.post(caller.secret, body, path=PATHS[dialect]) as response:
        await response.read()

    assert response.status == 200
    [row] = books.events()
    # Not even a thousand bytes were sent, and 50 tokens asked for.
    most_held_n = (500 * 1000 + 50 * 2000) * 11 // 10
    assert row.disputed
    assert (row.charge_n == STATED_N) == is_believed
    assert is_believed or 50 * 2200 < row.charge_n < most_held_n
    assert books.charges() == [row.charge_n]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_of_a_plain_answer_that_does_not_say_why_it_is_over_no_more_is_charged_than_was_held(
    start_relay, provider, caller, books, path
):
    usage = openai(IN + OUT)[1]["usage"]

    async def answer(_request):
        message = {"role": "assistant", "content": "Hi."}
        reason = reasons.pop()
        return web.json_response({"choices": [{"message": message, "finish_reason": reason}], "usage": usage})

    reasons, provider.answer = [None, "stop"], answer
    relay = await start_relay()

    for _ in range(2):
        await (await relay.post(caller.secret, ask("own/model", max_tokens=50), path=path)).read()

    whole, odd = books.events()
    assert whole.charge_n == STATED_N
    assert 50 * 2200 < odd.charge_n < STATED_N // 10
    assert (whole.finish_reason, odd.finish_reason) == ("stop", None)
