"""Thousands of answers no honest provider gives, in every dialect, to clients of every format."""

import asyncio
import json
import re
from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.endpoints import ENDPOINTS
from proxy.plan import plan_chat
from tests.proxy import malformed
from tests.proxy.malformed import DIALECTS, Played

FORMATS = ("chat", "messages", "responses")
PATHS = dict(zip(FORMATS, ("/chat/completions", "/messages", "/responses"), strict=True))
PARSERS = {form: next(one.parse for one in ENDPOINTS if one.path == path) for form, path in PATHS.items()}
ENDS = {"message_stop", "error", "response.completed", "response.incomplete", "response.failed"}
AT_ONCE, WITHIN_S = 24, 20
of_json = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
text_of = msgspec.json.Decoder(str).decode


class Case(NamedTuple):
    number: int
    form: str
    dialect: str
    stream: bool
    played: Played

    @property
    def body(self):
        said = [{"role": "user", "content": f"case {self.number:06}"}]
        fields = {
            "chat": {"messages": said, "max_tokens": 100},
            "messages": {"messages": said, "max_tokens": 100},
            "responses": {"input": said, "max_output_tokens": 100},
        }[self.form]
        model = {"model": f"own/{self.dialect}", "stream": self.stream}
        return json.dumps({**model, **fields}).encode()

    def __str__(self):
        played = self.played
        sent = b"".join(played.pieces)
        return f"{self.form} {self.dialect} stream={self.stream} {played.end}: {sent[:1500]!r} ({len(sent)})"


@pytest.fixture
async def play(start_relay, provider, make):
    """Have a provider of each dialect play what a case says, to a client of its format; gives what that gets."""
    cases = {}

    async def answer(request):
        found = re.search(rb"case (\d+)", await request.read())
        case = cases[int(found[1])]
        kind = "text/event-stream" if case.stream else "application/json"
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        for piece in case.played.pieces:
            await response.write(piece)
        if case.played.end == "cut":
            request.transport.abort()
        elif case.played.end == "silence":
            await asyncio.Event().wait()
        return response

    provider.answer = answer
    for dialect in DIALECTS:
        make.provider(dialect, kind=dialect, base_url=provider.api_base)
        make.offer(f"own/{dialect}", provider=dialect, upstream_model="theirs", prices=PRICES)
    relay = await start_relay(idle_timeout_s=0.5, keep_alive_s=0.2, rpm_free=10**6, rpm_paid=10**6)

    async def call(case, secret):
        cases[case.number] = case
        url, headers = relay.url + "/v1" + PATHS[case.form], {"Authorization": f"Bearer {secret}"}
        async with (
            asyncio.timeout(WITHIN_S),
            relay.session.post(url, data=case.body, headers=headers) as response,
        ):
            return response.status, response.headers, await response.read()

    call.relay = relay
    return call


PRICES = {"input": "1", "output": "2", "cached_read": "0.5", "cache_write": "3", "reasoning": "4"}


def cost_told(case, headers, body):
    """What the client is told that it paid, at the end of an answer that ends as its format does."""
    if not case.stream:
        return usd_in(of_json(body))
    told = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]
    if case.form == "chat":
        assert told.pop() == b"[DONE]"
    events = [of_json(one) for one in told]
    if case.form == "chat":
        return usd_in(events[-1])
    kind = text_of(events[-1]["type"])
    assert kind in ENDS
    if case.form == "responses":
        return usd_in(of_json(events[-1]["response"]))
    return usd_in(events[-2] if kind == "message_stop" else events[-1])


def usd_in(document):
    cost = of_json(document["usage"])["cost"]
    return Decimal(bytes(cost).decode())


def refusal_in(case, headers, body):
    """The error of a call that could not be served, once it is seen to be that of its format and provider."""
    document = json.loads(body)
    assert ("type" in document) == (case.form == "messages")
    assert document["error"]["metadata"]["provider_name"] == case.dialect == headers["X-Provider"]
    return Decimal(0)


def hold_n(relay, case):
    """The most that is held for a call."""
    snapshot, settings = relay.deps.catalog.now, relay.deps.settings
    plan = plan_chat(
        PARSERS[case.form](case.body),
        snapshot,
        output_cap=settings.output_cap_tokens,
        slice_tokens=settings.slice_tokens,
    )
    return plan.want.full_n


def fuzz(chance, size):
    ways = [(form, dialect, stream) for form in FORMATS for dialect in DIALECTS for stream in (True, False)]
    for number in range(size):
        form, dialect, stream = ways[number % len(ways)]
        make = malformed.stream if stream else malformed.whole
        case = Case(number, form, dialect, stream, make(dialect, chance))
        yield case


@pytest.mark.timeout(900)
async def test_no_answer_of_a_provider_does_harm(play, caller, books, chance, size):
    at_once = asyncio.Semaphore(AT_ONCE)
    wrong, got = [], {}

    async def one(case):
        async with at_once:
            try:
                status, headers, body = await play(case, caller.secret)
                read = {200: cost_told, 502: refusal_in}[status]
                got[headers["X-Request-Id"]] = case, status, read(case, headers, body)
            except Exception as error:  # noqa: BLE001  # each is told with the case it is about
                wrong.append(f"{type(error).__name__}: {error}\n    {case}")

    with capture_logs() as logs:
        await asyncio.gather(*(one(case) for case in fuzz(chance, size(2_016, 20_160))))
    await play.relay.at_rest()

    assert wrong == [], f"{len(wrong)} wrong"
    assert [entry for entry in logs if "exc_info" in entry] == []
    assert {status for _, status, _ in got.values()} == {200, 502}
    rows = {str(row.request_id): row for row in books.events()}
    assert rows.keys() == got.keys()
    assert books.holds() == []
    assert books.pool(caller)["held"] == 0
    for request_id, (case, status, cost) in got.items():
        assert rows[request_id].charge_n <= hold_n(play.relay, case), case
        assert (status == 200) >= (rows[request_id].charge_n > 0), case
        assert cost == Decimal(rows[request_id].charge_n) / 10**9, case


@pytest.mark.parametrize("stream", [True, False])
async def test_a_usage_that_is_no_object_does_no_harm(play, caller, stream):
    said = malformed.anthropic() if stream else [malformed.anthropic_whole()]
    said[-2 if stream else -1]["usage"] = "none"
    written = [json.dumps(one).encode() for one in said]
    pieces = [b"data: " + one + b"\n\n" for one in written] if stream else written

    status, headers, body = await play(
        case := Case(1, "messages", "anthropic", stream, Played(tuple(pieces))), caller.secret
    )

    assert status == 200
    assert cost_told(case, headers, body) > 0
