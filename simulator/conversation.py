"""One call from its first byte to its last, in any dialect."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from simulator.asks import Ask
from simulator.dialect import Dialect, Frame, Head
from simulator.directives import HEADER, Directives, read_directives
from simulator.engine import produce
from simulator.malformed import halt_at, spoil
from simulator.refusals import Refusal
from simulator.replies import EVENTS, JSON, Reply, canned, refused
from simulator.settings import Settings
from simulator.truth import Record, TruthLog
from simulator.wire import Wire


@dataclass(frozen=True, slots=True)
class State:
    """What every call of one simulator shares."""

    settings: Settings
    truth: TruthLog


STATE = web.AppKey("state", State)


async def converse(request: web.Request, dialect: Dialect) -> web.StreamResponse:
    """Answer one call and leave exactly one record of it, however it ends."""
    state = request.app[STATE]
    record = open_record(request)
    wire = Wire(request, record=record, truth=state.truth, hang_s=state.settings.hang_s)
    try:
        return await _perform(request, dialect, wire=wire, record=record)
    except (asyncio.CancelledError, ConnectionError):
        state.truth.end(record, "client_gone")
        raise
    finally:
        state.truth.end(record, "failed")


def open_record(request: web.Request) -> Record:
    """Open the record of a request that has just come in."""
    return request.app[STATE].truth.open(
        path=request.path, request_id=request.headers.get("X-Request-Id"), header_names=request.headers
    )


async def _perform(
    request: web.Request, dialect: Dialect, *, wire: Wire, record: Record
) -> web.StreamResponse:
    try:
        ask, directives = await _understand(request, dialect, record)
    except Refusal as refusal:
        return await wire.send(refused(refusal, dialect), Directives())
    if directives.wait:
        await asyncio.sleep(directives.wait)
    if directives.refuse:
        await wire.refuse()
    if directives.hang:
        await wire.hang()
    reply = canned(directives, dialect, stream=ask.stream) or _answer(ask, directives, dialect, record)
    return await wire.send(reply, directives)


async def _understand(request: web.Request, dialect: Dialect, record: Record) -> tuple[Ask, Directives]:
    dialect.admit(request.headers)
    named = {name.lower(): value for name, value in request.headers.items()}
    named.update({**request.query, **request.match_info})
    ask = _read(await _body(request), dialect, named=named)
    record.model, record.stream = ask.model, ask.stream
    directives = read_directives(ask.model, request.headers.getall(HEADER, ()))
    record.fault = directives.fault()
    return ask, directives


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        most = request.app[STATE].settings.max_body_bytes
        raise Refusal(f"The body is larger than {most} bytes.", status=413) from None


def _read(body: bytes, dialect: Dialect, *, named: Mapping[str, str]) -> Ask:
    try:
        found: Any = json.loads(body)
        if not isinstance(found, dict):
            raise Refusal("The body must be a JSON object.")
        return dialect.read(found, named=named)
    except (ValueError, RecursionError):
        raise Refusal("The body is not JSON that can be read here.") from None


def _answer(ask: Ask, directives: Directives, dialect: Dialect, record: Record) -> Reply:
    answer = produce(ask, directives)
    head = Head(dialect.new_id(), int(time.time()), ask.model)
    told = partial(dialect.report, lie=directives.usage)
    record.answer_id = head.id
    record.tell(answer.usage)
    if ask.stream:
        frames = dialect.stream(head, ask, answer, told)
    else:
        usage = told(answer.usage)
        frames = [Frame(dialect.whole(head, ask, answer, usage), "content", answer.tokens_shown, usage)]
    if directives.malformed is not None:
        frames = spoil(frames, directives.malformed)
    kind = EVENTS if ask.stream else JSON
    if ask.stream and directives.error_mid is not None:
        failure = dialect.failure(Refusal("The simulator was told to fail here.", status=503))
        frames = [*frames[: halt_at(frames, directives.error_mid)], Frame(failure)]
        return Reply(frames, kind=kind, streamed=True, broken=True)
    return Reply(frames, kind=kind, streamed=ask.stream)
