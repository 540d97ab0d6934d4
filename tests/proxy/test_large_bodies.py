"""Large bodies: read, and written anew, without holding up anybody else."""

import asyncio
import io
import json
import threading
import time

import pytest

from core.errors import BadRequest
from proxy.large_bodies import LARGE_BYTES, LargeBodies
from tests.proxy.conftest import ask


async def test_a_small_body_is_worked_on_at_once_and_a_large_one_in_a_thread():
    bodies = LargeBodies()

    threads = [await bodies.work(threading.get_ident, size=LARGE_BYTES + more) for more in (0, 1)]

    assert threads[0] == threading.get_ident()
    assert threads[1] != threading.get_ident()


async def test_a_refusal_in_a_thread_is_one():
    def refuse():
        raise BadRequest("No.")

    with pytest.raises(BadRequest):
        await LargeBodies().work(refuse, size=LARGE_BYTES + 1)


async def test_who_leaves_while_its_body_is_worked_on_gives_its_turn_back_when_that_is_done():
    bodies, begun, may_end, order = LargeBodies(), threading.Event(), threading.Event(), []

    def long():
        begun.set()
        may_end.wait()
        order.append("long")

    leaving = asyncio.create_task(bodies.work(long, size=LARGE_BYTES + 1))
    await asyncio.to_thread(begun.wait)
    next_one = asyncio.create_task(bodies.work(lambda: order.append("next"), size=LARGE_BYTES + 1))
    leaving.cancel()
    await asyncio.wait([leaving])
    may_end.set()
    await next_one

    assert leaving.cancelled()
    assert order == ["long", "next"]


async def longest_wait(relay, sending):
    """The longest another request waited while one was sent, as a part of all the waiting.

    By the time this process worked meanwhile: what it waits for others' turns on the machine is no fault.
    """
    waits = []
    while not sending.done():
        began = time.process_time()
        async with relay.session.get(f"{relay.url}/healthz") as response:
            assert response.status == 200
        waits.append(time.process_time() - began)
    return max(waits) / sum(waits)


async def test_a_body_of_millions_of_values_does_not_hold_up_other_requests(relay, caller):
    values = b"[" + b",".join([b"0"] * 4_000_000) + b"]"
    body = b'{"model": "acme/none", "messages": [{"role": "user", "content": ' + values + b"}]}"

    async def send():
        async with relay.post(caller.secret, None, data=io.BytesIO(body)) as response:
            return response.status

    sending = asyncio.create_task(send())
    longest = await longest_wait(relay, sending)

    assert sending.result() == 404
    assert longest < 1 / 3  # at one go, reading it was nearly all of the time


async def test_a_body_of_many_messages_does_not_hold_up_others_while_it_is_put_in_other_words(
    start_relay, caller, make, simulator
):
    make.provider("gemini", kind="gemini", base_url=simulator.url + "/v1beta")
    make.offer("acme/tiny", provider="gemini", upstream_model="tiny", prices={"input": "0", "output": "0"})
    relay = await start_relay()
    said = [{"role": "user", "content": "x"}] * 100_000
    body = ask(messages=[*said, {"role": "user", "content": "x", "name": "y"}])

    async def send():
        async with relay.post(caller.secret, None, data=io.BytesIO(json.dumps(body).encode())) as response:
            return response.status, (await response.json())["error"]["param"]

    sending = asyncio.create_task(send())
    longest = await longest_wait(relay, sending)

    assert sending.result() == (400, "messages[100000].name")
    assert longest < 1 / 2  # at one go it is five parts of six


async def test_a_large_body_is_answered_like_a_small_one(relay, caller):
    async with relay.post(caller.secret, ask(text="x" * 300_000)) as response:
        assert response.status == 200
    async with relay.post(caller.secret, ask(text="x" * 300_000, max_tokens=-1)) as response:
        assert response.status == 400
