"""A provider that hangs takes its own models down, and nobody else's."""

import asyncio
import socket

import pytest

from tests.proxy.conftest import ask, until
from tests.proxy.own_provider import delta, stream_of

HUNG = 300  # more than connections are kept, and than any pool of threads or connections has


@pytest.fixture
def unaccepting():
    """A server whose queue is full: whoever connects to it waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        for client in waiting:
            client.close()


@pytest.mark.parametrize("where", ["before it is connected", "before it answers", "within its answer"])
async def test_calls_of_others_are_served_while_hundreds_wait_for_a_hung_provider(
    start_relay, make, tiny, provider, unaccepting, caller, books, where
):
    async def silence(request):
        if where == "within its answer":
            await stream_of(delta("Hi."))(request)
        await asyncio.Event().wait()

    provider.answer = silence
    if where == "before it is connected":
        make.provider("far", base_url=unaccepting)
        make.offer("far/model", provider="far")
    model = "far/model" if where == "before it is connected" else "own/model"
    relay = await start_relay(calls_at_once=1000, connect_timeout_s=60)
    headers = {"Authorization": f"Bearer {caller.secret}"}

    async def call(model):
        url, body = f"{relay.url}/v1/chat/completions", ask(model, max_tokens=5, stream=True)
        async with relay.session.post(url, json=body, headers=headers) as response:
            return response.status, await response.read()

    hung = [asyncio.create_task(call(model)) for _ in range(HUNG)]
    await until(lambda: len(relay.deps.running._charges) == HUNG, timeout_s=60)
    if model == "own/model":
        await until(lambda: len(provider.received) == HUNG, timeout_s=60)

    served = [
        status
        for _ in range(5)
        for status, _ in await asyncio.gather(*(call("acme/tiny") for _ in range(20)))
    ]

    assert served == [200] * 100
    assert [task for task in hung if task.done()] == []
    assert len(relay.deps.running._charges) == HUNG
    for task in hung:
        task.cancel()
    await asyncio.gather(*hung, return_exceptions=True)
    await until(lambda: not relay.deps.running._charges)
    await until(lambda: len(books.events()) == HUNG + 100)
    assert books.holds() == []
