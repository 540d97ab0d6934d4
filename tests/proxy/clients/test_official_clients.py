"""Official clients against a relay with a provider of each kind: what people point at us by a base URL alone."""

import asyncio
import json
from typing import NamedTuple

import pytest
from aiohttp import web

from simulator.conversation import STATE
from simulator.server import build_app
from simulator.settings import Settings
from simulator.truth import TruthLog

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]

BASES = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}
LOOKED_UP = ["weather", {"city": "amber"}]
RESULTS = (b"rain in the morning", b"sun at noon")
CALLS, INSTRUCTOR_CALLS = 6, 4  # that reach a provider: a script makes them of one kind, then of the next


class Client(NamedTuple):
    """A script, where it runs, and what its errors are called: for a wrong key, for a model there is not."""

    environment: str
    script: str
    errors: tuple[str, str] = ("AuthenticationError", "NotFoundError")


CLIENTS = [
    Client("openai", "openai_chat.py"),
    Client("openai", "openai_responses.py"),
    Client("anthropic", "anthropic_messages.py"),
    Client(
        "langchain-openai",
        "langchain_openai_chat.py",
        ("OpenAIAuthenticationError", "OpenAIModelNotFoundError"),
    ),
    Client("litellm", "litellm_completion.py"),
    Client("npm", "openai_chat.mjs"),
    Client("npm", "ai_openai_compatible.mjs", ("AI_APICallError", "AI_APICallError")),
]
INSTRUCTOR = Client("instructor", "instructor_openai.py")


class Providers(NamedTuple):
    """A simulator as provider of each kind. `bodies` are all it was sent, `truth` is what it did."""

    bodies: list[bytes]
    truth: TruthLog

    def counts(self, *numbers: int) -> list[list[int]]:
        """What calls cost in truth: tokens in and out."""
        records = self.truth.records()
        return [[records[n]["prompt_tokens"], records[n]["completion_tokens"]] for n in numbers]


@pytest.fixture
async def providers(make):
    """`KIND/plain` answers with 20 tokens, or as it is made to; `KIND/calls` calls the first tool twice."""
    made = build_app(Settings())
    bodies = []

    @web.middleware
    async def keep(request, handler):
        bodies.append(await request.read())
        return await handler(request)

    made.middlewares.append(keep)
    runner = web.AppRunner(made, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for kind, base in BASES.items():
        make.provider(kind, kind=kind, base_url=f"http://127.0.0.1:{runner.addresses[0][1]}{base}")
        make.offer(f"{kind}/plain", provider=kind, upstream_model="tiny+tokens=20")
        make.offer(f"{kind}/calls", provider=kind, upstream_model="tiny+calls=2")
    yield Providers(bodies, made[STATE].truth)
    await runner.cleanup()


@pytest.fixture
async def told_by(providers, start_relay, caller, run_client):
    """Have a client say what it got of each kind of provider, in turn."""
    relay = await start_relay()

    async def told(client):
        args = (client.environment, client.script, relay.url, caller.secret, *BASES)
        process = await asyncio.to_thread(run_client, *args)  # it may have to install the client first
        out, err = await asyncio.to_thread(process.communicate, timeout=120)
        assert process.returncode == 0, err
        return [json.loads(line) for line in out.splitlines()]

    return told


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.script)
async def test_a_client_talks_with_every_kind_of_provider(client, told_by, providers, books):
    told = await told_by(client)

    assert len(told) == len(BASES)
    wrong_key, no_model = client.errors
    served = [str(event.request_id) for event in books.events() if event.status == 200]
    for number, said in enumerate(told):
        first = number * CALLS
        text = said.pop("plain")
        assert said.pop("pieces") == [" " * (at > 0) + word for at, word in enumerate(text.split())]
        assert len(text.split()) == len(said.pop("after").split()) == 20
        assert [said.pop("usage"), said.pop("streamed_usage")] == providers.counts(first, first + 1)
        assert said.pop("request_id", served[first]) == served[first]  # of an SDK that tells it
        assert said == {
            "call": [LOOKED_UP],
            "calls": [LOOKED_UP, LOOKED_UP],
            "shaped": {"name": "amber", "size": 1},
            "wrong_key": [wrong_key, 401],
            "no_model": [no_model, 404],
        }
        assert all(result in providers.bodies[first + 4] for result in RESULTS)
    assert charged(books) == providers.counts(*range(CALLS * len(BASES)))


async def test_instructor_gets_objects_of_every_kind_of_provider(told_by, providers, books):
    told = await told_by(INSTRUCTOR)

    assert len(told) == len(BASES)
    for number, said in enumerate(told):
        growing = said.pop("growing")
        assert [said.pop("usage")] == providers.counts(number * INSTRUCTOR_CALLS)
        assert said == {
            "call": {"city": "amber"},
            "calls": [["Weather", {"city": "amber"}]] * 2,
            "shaped": {"name": "amber", "size": 1},
            "wrong_key": ["InstructorRetryException", "AuthenticationError", 401],
            "no_model": ["InstructorRetryException", "NotFoundError", 404],
        }
        assert growing[-1] == {"name": "amber", "size": 1}
    assert charged(books) == providers.counts(*range(INSTRUCTOR_CALLS * len(BASES)))


def charged(books):
    """What was charged for, call by call: tokens in and out."""
    return [[event.input_tokens, event.output_tokens] for event in books.events() if event.status == 200]
