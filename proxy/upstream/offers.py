"""Sending a call to the offers of its plan, one after another until one answers; once the client has got a
byte of an answer, there is no way back.

A provider gets the body and our credential, nothing of the client's header. No redirect is followed, and no
cookie kept.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import structlog

from core.config import Settings
from core.errors import BadRequest, OutOfCredits, UpstreamFailed
from proxy.catalog import Offer, Provider
from proxy.crossing import DIALECTS, Crossing, Outgoing, bound_of
from proxy.model_call import ModelCall
from proxy.plan import Plan
from proxy.routing.healths import Attempt
from proxy.routing.router import Router
from proxy.running import Charge
from proxy.upstream.addresses import Origin
from proxy.upstream.connection import Connection, Patience
from proxy.upstream.heads import CLIENTS_FAULT, MISCONFIGURED, Unusable, check, refuse
from proxy.upstream.pool import Pool
from proxy.upstream.reader import BrokenOff
from proxy.upstream.reasons import failure, is_unreachable

_log = structlog.get_logger()


@dataclass(slots=True)
class Line:
    """How a provider is called: its connections, and what every request begins with."""

    provider: Provider
    pool: Pool
    authority: str
    heads: dict[str, str] = field(default_factory=dict)  # by path

    @classmethod
    def to(cls, provider: Provider, *, settings: Settings, tls: ssl.SSLContext) -> "Line":
        origin = Origin.of(provider.base_url)
        patience = Patience(
            first_byte_s=settings.first_byte_timeout_s,
            plain_s=settings.plain_timeout_s,
            idle_s=settings.idle_timeout_s,
            total_s=settings.total_timeout_s,
        )
        pool = Pool(
            origin,
            allow_private=provider.allow_private,
            connect_timeout_s=settings.connect_timeout_s,
            patience=patience,
            tls=tls,
        )
        return cls(provider, pool, origin.authority)

    def head_for(self, outgoing: Outgoing, *, request_id: UUID) -> bytes:
        head = self.heads.get(outgoing.path)
        if head is None:
            head = self.heads[outgoing.path] = _request_head(self.provider, self.authority, outgoing.path)
        size = len(outgoing.body)
        return f"{head}X-Request-Id: {request_id}\r\nContent-Length: {size}\r\n\r\n".encode()


class Answer(msgspec.Struct):
    """A provider's answer whose head is here: good inside a `with`, which gives its connection back.

    `sent` is the body we sent, without any credential.
    """

    offer: Offer
    connection: Connection
    pool: Pool
    sent: bytes
    attempt: Attempt
    fault: str | None = None  # why it was no good, though it began

    def begins(self) -> None:
        """The client is about to get the first of a stream."""
        self.attempt.answered()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.pool.give_back(self.connection)


Relay = Callable[[Answer], Awaitable[None]]


class Upstreams:
    """The lines to all providers, kept open between calls."""

    def __init__(self, settings: Settings, router: Router) -> None:
        self._settings = settings
        self._router = router
        self._lines: dict[UUID, Line] = {}

    async def serve(self, charge: Charge, crossing: Crossing, relay: Relay) -> None:
        """Have the call answered by the first offer that can.

        `relay` passes an answer on. It raises UpstreamFailed only while the client has got nothing of it.
        Raises BadRequest when the provider finds the request wrong, UpstreamFailed when all failed.
        """
        failures: list[tuple[str, str]] = []

        async def served(plan: Plan, attempt: Attempt) -> bool:
            charge.meter.begin(plan)
            name = attempt.offer.provider.name
            try:
                await self._try(attempt, charge, crossing, relay)
            except Unusable as error:
                failures.append((name, str(error)))
                _log.warning("offer_failed", provider=name, reason=str(error))
                return False
            return True

        if await self._router.serve(charge.meter.plan, charge.call.wallet_id, served):
            return
        raise UpstreamFailed(
            "No provider could answer this call. Try again, or choose another model.",
            metadata={
                "provider_name": failures[-1][0],
                "reason": "; ".join(f"{name}: {reason}" for name, reason in failures),
            },
        )

    async def _try(self, attempt: Attempt, charge: Charge, crossing: Crossing, relay: Relay) -> None:
        """Have one offer answer, and note how that went. Raises Unusable when it could not."""
        try:
            with await _ask(self.line(attempt.offer.provider), charge, crossing, attempt) as answer:
                charge.meter.offer = attempt.offer
                await relay(answer)
        except Unusable as error:
            attempt.failed(for_all=error.for_all, at_once=error.at_once, pause_ms=error.pause_ms)
            raise
        except UpstreamFailed as error:
            attempt.failed()
            raise Unusable(str(error.metadata["reason"])) from None
        if answer.fault is not None:
            attempt.failed()
        elif charge.ending is not None:
            attempt.served(charge.ending.usage.output_tokens)

    def close(self) -> None:
        for line in self._lines.values():
            line.pool.close()

    def line(self, provider: Provider) -> Line:
        """The line to a provider as it is now: a new one when its address or credential has changed."""
        line = self._lines.get(provider.id)
        if line is not None and line.provider is provider:
            return line
        if line is None or line.provider != provider:
            if line is not None:
                line.pool.close()
            line = self._lines[provider.id] = Line.to(provider, settings=self._settings, tls=system_trust())
        line.provider = provider  # the same again, read anew
        return line


@cache
def system_trust() -> ssl.SSLContext:
    """Whom we believe. Reading the system's certificates takes a while: a process does it when it starts."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _ask(line: Line, charge: Charge, crossing: Crossing, attempt: Attempt) -> Answer:
    """The answer of an offer, its head read. Raises Unusable, or BadRequest for what the client did wrong."""
    offer, stream = attempt.offer, crossing.call.stream
    sent = await _outgoing(offer, charge, crossing)
    try:
        head = line.head_for(sent, request_id=charge.call.request_id)
        connection = await line.pool.ask(head, sent.body, is_plain=not stream)
    except (BrokenOff, OSError) as error:
        raise Unusable(failure(error), for_all=is_unreachable(error)) from None
    try:
        if connection.head.status in CLIENTS_FAULT:
            await refuse(connection, offer.provider)
        check(connection.head, offer.provider, stream=stream)
    except BaseException:
        connection.close()
        raise
    return Answer(offer, connection, line.pool, sent.body, attempt)


async def _outgoing(offer: Offer, charge: Charge, crossing: Crossing) -> Outgoing:
    """What is sent. Raises OutOfCredits for what needs more output than there is money for."""
    plan, output = charge.meter.plan, _output(charge, crossing.call)
    try:
        return await crossing.outgoing(offer, bound_of(crossing.call, plan, output))
    except BadRequest as refused:
        if output < plan.output_tokens:
            raise OutOfCredits(f"{refused} No credits are left for more output: please top up.") from None
        raise


def _output(charge: Charge, call: ModelCall) -> int:
    """How much output the provider may produce, all choices together."""
    plan = charge.meter.plan
    if charge.meter.is_partial() and (not call.stream or plan.model.reasons or call.asks_to_think):
        # What nobody sees while it is produced cannot be cut in time: the provider must know the bound.
        return plan.affordable_tokens(charge.meter.hold_n)
    return plan.output_tokens


def _request_head(provider: Provider, authority: str, path: str) -> str:
    """What every request to this place begins with. Nothing in it may end a line before its time."""
    fields = {"Host": authority, **DIALECTS[provider.kind].headers(provider.api_key)}
    target = urlsplit(provider.base_url).path + path
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise Unusable(MISCONFIGURED, for_all=True, at_once=True)
    return "".join(f"{line}\r\n" for line in lines)
