"""Answers no honest provider gives, and what they must not do to the books."""

import asyncio

import pytest
from aiohttp import web

from tests.proxy.conftest import ask
from tests.proxy.own_provider import WHOLE, delta, stream_of


@pytest.mark.parametrize("stream", [False, True])
async def test_a_finish_reason_no_table_can_hold_does_not_keep_the_books_open(
    start_relay, provider, caller, books, stream
):
    odd = "st\0op" + "x" * 10_000
    whole = {**WHOLE, "choices": [{**WHOLE["choices"][0], "finish_reason": odd}]}

    async def plain(_request):
        return web.json_response(whole)

    provider.answer = stream_of(delta("Hi.", odd), b"data: [DONE]\n\n") if stream else plain
    relay = await start_relay()

    async with asyncio.timeout(20):
        response = await relay.post(caller.secret, ask("own/model", stream=stream))
        await response.read()

    assert response.status == 200
    assert books.holds() == []
    assert books.events()[0].finish_reason == ("stop" + "x" * 100)[:64]


async def test_usage_of_an_answer_that_never_began_is_not_charged(start_relay, provider, caller, books):
    usage = b'{"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 0}}'
    provider.answer = stream_of(b"data: " + usage + b"\n\n")
    relay = await start_relay()

    async with relay.post(caller.secret, ask("own/model", stream=True)) as response:
        assert response.status == 502

    assert books.charges() == []
    assert books.holds() == []
