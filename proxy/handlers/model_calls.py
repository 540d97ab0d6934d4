"""A call to a model, in whatever format: find the grant, ask the rules, admit, relay, settle."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from aiohttp import web

from core.charging.calls import Call
from core.config import Settings
from core.errors import BadRequest, Refused, TooLarge, Unavailable
from core.ids import uuid7
from proxy.answers import Shape, headers
from proxy.crossing import Crossing
from proxy.deps import Deps
from proxy.errors import REQUEST_ID, Handler
from proxy.grants import Grant, credential
from proxy.leases.gate import ClockMoved
from proxy.model_call import ModelCall
from proxy.pdf.inputs import models_of
from proxy.plan import Plan, plan_chat
from proxy.rates import RATE, note_caller, note_rate, rate_headers
from proxy.relay import relay_plain
from proxy.running import NotAdmitted, StaleGrant
from proxy.stream import StreamRelay
from proxy.upstream.offers import Answer
from proxy.verdicts import refusal
from proxy.ways import Way
from proxy.wire import Wire

GRANT_TRIES = 3  # a key that changes more often than that while one call is admitted is asked to wait


class Endpoint(NamedTuple):
    """Where calls in one format come in. `shape` is how it tells errors."""

    path: str
    parse: Callable[[bytes], ModelCall]
    way: Way
    shape: Shape


def handler_of(endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request, deps: Deps) -> web.StreamResponse:
        return await model_call(request, deps, endpoint)

    return handle


async def model_call(request: web.Request, deps: Deps, endpoint: Endpoint) -> web.StreamResponse:
    secret = credential(request)
    grant = await may_call(request, deps, secret)
    parsed = await parse(await read_body(request, deps.settings), deps, endpoint.parse)
    try:
        models = models_of(parsed, deps.catalog.now)
        grant = await deps.grants.with_models(grant, secret, models)
        parsed = await deps.pdfs.prepare(parsed, deps.catalog.now, wallet_id=grant.caller.wallet_id)
        plan = plan_chat(
            parsed,
            deps.catalog.now,
            output_cap=deps.settings.output_cap_tokens,
            slice_tokens=deps.settings.slice_tokens,
        )
        crossing = Crossing(endpoint.way, parsed, deps.large_bodies)
        plan = await crossing.only_sayable(plan)
        for _ in range(GRANT_TRIES):
            try:
                return await _serve(request, deps, crossing, plan, grant)
            except StaleGrant:
                grant = await deps.grants.find_for_models(secret, fresh=True)
                grant.refuse_models(models)
            except ClockMoved:
                request[REQUEST_ID] = uuid7(deps.clock.now_ms())
        raise Unavailable("This key is being changed right now. Try again.", retry_after_s=1)
    except Refused as refused:
        note_caller(request, grant.caller)  # as it was read last
        _record(request, deps, refused, grant, parsed.model)
        raise


async def may_call(request: web.Request, deps: Deps, secret: str | None) -> Grant:
    """The grant of a key that may call models now."""
    grant = await deps.grants.find(secret)
    note_caller(request, grant.caller)
    grant.refuse_management()
    deps.floods.check(grant.caller)
    return grant


async def parse(body: bytes, deps: Deps, read: Callable[[bytes], ModelCall]) -> ModelCall:
    return await deps.large_bodies.work(partial(read, body), size=len(body))


async def _serve(
    request: web.Request, deps: Deps, crossing: Crossing, plan: Plan, grant: Grant
) -> web.StreamResponse:
    app, parsed = deps.apps.of(request, grant.caller.wallet_id), crossing.call
    call = _call(request[REQUEST_ID], plan, grant, app, stream=parsed.stream)
    wire = Wire(request, patience_s=deps.settings.idle_timeout_s)
    try:
        charge = await deps.running.admit(call, plan)
    except NotAdmitted as denied:
        note_rate(request, denied.verdict)
        now, status = datetime.now(UTC), deps.settings.breaker_status
        raise refusal(denied.verdict, grant.caller, now=now, breaker_status=status) from None
    async with charge:
        note_rate(request, charge.admitted)
        crossing = crossing.of(await deps.pdfs.scanned(parsed, charge, deps.upstreams))

        async def relay(answer: Answer) -> None:
            fields = _fields(request, answer.offer.provider.name, stream=parsed.stream)
            passage = crossing.passage(charge.meter, call)
            if parsed.stream:
                echo = answer.sent if parsed.echo_upstream_body else None
                await StreamRelay(answer, charge, passage, wire, deps.settings).run(fields, echo=echo)
            else:
                wire.send(await relay_plain(answer, charge, passage), fields)

        await deps.upstreams.serve(charge, crossing, relay)
    await wire.drained()
    return wire.written()


def _fields(request: web.Request, provider: str, *, stream: bool) -> dict[str, str]:
    """The header fields of an answer."""
    rate = request.get(RATE)
    return {
        **headers(request[REQUEST_ID], provider),
        "Content-Type": "text/event-stream" if stream else "application/json",
        **(rate_headers(rate) if rate is not None else {}),
    }


def _call(request_id: UUID, plan: Plan, grant: Grant, app: tuple[str, str], *, stream: bool) -> Call:
    return Call(
        request_id=request_id,
        caller=grant.caller,
        model_id=plan.model.id,
        price_card_id=plan.offers[0].card.id,
        stream=stream,
        app_name=app[0],
        app_url=app[1],
        want=plan.want,
        tokens=plan.most_tokens,
        started_at=datetime.now(UTC),
    )


async def read_body(request: web.Request, settings: Settings) -> bytes:
    """The body, counted and timed while it comes. Raises TooLarge, or BadRequest for one that is no use."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadRequest("Send the body as it is: Content-Encoding is not supported.")
    limit, body = settings.body_limit_bytes, b""
    if (request.content_length or 0) <= limit:
        if request.content.is_eof():  # it came with the head, as most do
            body = request.content.read_nowait()
        else:
            body = await _arrived(request, limit=limit, within_s=settings.idle_timeout_s)
        if len(body) <= limit:
            return body
    raise TooLarge(f"The body is larger than {limit / 2**20:g} MB. Send less, or link to media by URL.")


async def _arrived(request: web.Request, *, limit: int, within_s: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            while len(body) <= limit and (chunk := await request.content.readany()):
                body += chunk
    except TimeoutError:
        raise BadRequest(f"The body did not arrive within {within_s:g} seconds.") from None
    return bytes(body)


def _record(request: web.Request, deps: Deps, refused: Refused, grant: Grant, model_id: str) -> None:
    app = deps.apps.of(request, grant.caller.wallet_id)
    deps.refusals.note(
        refused, request_id=request[REQUEST_ID], caller=grant.caller, model_id=model_id, app=app
    )
