"""Large bodies: read without holding up anybody else."""

import asyncio
import io
import time

from tests.proxy.conftest import ask


async def test_a_body_of_millions_of_values_does_not_hold_up_other_requests(relay, caller):
    values = b"[" + b",".join([b"0"] * 4_000_000) + b"]"
    body = b'{"model": "acme/none", "messages": [{"role": "user", "content": ' + values + b"}]}"

    async def send():
        async with relay.post(caller.secret, None, data=io.BytesIO(body)) as response:
            return response.status

    sending, waits = asyncio.create_task(send()), []
    while not sending.done():
        began = time.monotonic()
        async with relay.session.get(f"{relay.url}/healthz") as response:
            assert response.status == 200
        waits.append(time.monotonic() - began)

    assert sending.result() == 404
    assert max(waits) < sum(waits) / 3  # at one go, reading it was nearly all of the time


async def test_a_large_body_is_answered_like_a_small_one(relay, caller):
    async with relay.post(caller.secret, ask(text="x" * 300_000)) as response:
        assert response.status == 200
    async with relay.post(caller.secret, ask(text="x" * 300_000, max_tokens=-1)) as response:
        assert response.status == 400
