"""Sending a call to the offers of its plan, one after another until one answers; once the client has got a
byte of an answer, there is no way back.

A provider gets the body and our credential, nothing of the client's header. No redirect is followed, and no
cookie kept.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import structlog

from core.config import Settings
from core.errors import UpstreamFailed
from proxy.catalog import Offer, Provider
from proxy.chat_call import ChatCall
from proxy.providers import openai
from proxy.routing.healths import Attempt
from proxy.routing.router import Router
from proxy.running import Charge
from proxy.upstream.addresses import Origin
from proxy.upstream.connection import Connection, Patience
from proxy.upstream.heads import CLIENTS_FAULT, MISCONFIGURED, Unusable, check, refuse
from proxy.upstream.pool import Pool
from proxy.upstream.reader import BrokenOff
from proxy.upstream.reasons import failure

_log = structlog.get_logger()


@dataclass(slots=True)
class Line:
    """How a provider is called: its connections, and what every request begins with."""

    provider: Provider
    pool: Pool
    head: str

    @classmethod
    def to(cls, provider: Provider, *, settings: Settings, tls: ssl.SSLContext) -> "Line":
        origin = Origin.of(provider.base_url)
        patience = Patience(
            first_byte_s=settings.first_byte_timeout_s,
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
        return cls(provider, pool, _request_head(provider, origin))

    def head_for(self, body: bytes, *, request_id: UUID) -> bytes:
        return f"{self.head}X-Request-Id: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n".encode()


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


class Upstreams:
    """The lines to all providers, kept open between calls."""

    def __init__(self, settings: Settings, router: Router) -> None:
        self._settings = settings
        self._router = router
        self._lines: dict[UUID, Line] = {}

    async def serve(self, charge: Charge, call: ChatCall, relay: Callable[[Answer], Awaitable[None]]) -> None:
        """Have the call answered by the first offer that can.

        `relay` passes an answer on. It raises UpstreamFailed only while the client has got nothing of it.
        Raises BadRequest when the provider finds the request wrong, UpstreamFailed when all failed.
        """
        failures: list[tuple[str, str]] = []
        for plan, offer in self._router.tries(charge.meter.plan):
            charge.meter.begin(plan)
            name = offer.provider.name
            try:
                await self._try(offer, charge, call, relay)
            except Unusable as error:
                failures.append((name, str(error)))
                _log.warning("offer_failed", provider=name, reason=str(error))
                continue
            return
        raise UpstreamFailed(
            "No provider could answer this call. Try again, or choose another model.",
            metadata={
                "provider_name": failures[-1][0],
                "reason": "; ".join(f"{name}: {reason}" for name, reason in failures),
            },
        )

    async def _try(
        self, offer: Offer, charge: Charge, call: ChatCall, relay: Callable[[Answer], Awaitable[None]]
    ) -> None:
        """Have one offer answer, and note how that went. Raises Unusable when it could not."""
        with self._router.healths.begin(offer) as attempt:
            try:
                with await _ask(self._line(offer.provider), offer, charge, call, attempt) as answer:
                    charge.meter.offer = offer
                    await relay(answer)
            except Unusable as error:
                attempt.failed(at_once=error.at_once, pause_ms=error.pause_ms)
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

    def _line(self, provider: Provider) -> Line:
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


async def _ask(line: Line, offer: Offer, charge: Charge, call: ChatCall, attempt: Attempt) -> Answer:
    """The answer of an offer, its head read. Raises Unusable, or BadRequest for what the client did wrong."""
    sent = openai.request_body(
        call.fields, model=offer.upstream_model, stream=call.stream, max_tokens=_cap(charge, call)
    )
    try:
        connection = await line.pool.ask(line.head_for(sent, request_id=charge.call.request_id), sent)
    except (BrokenOff, OSError) as error:
        raise Unusable(failure(error)) from None
    try:
        head = connection.head
        if head.status in CLIENTS_FAULT:
            await refuse(connection, offer.provider)
        check(head, offer.provider, stream=call.stream)
    except BaseException:
        connection.close()
        raise
    return Answer(offer, connection, line.pool, sent, attempt)


def _cap(charge: Charge, call: ChatCall) -> tuple[str, int] | None:
    """The output bound to send along, where it is not what the client or the model sets already."""
    plan = charge.meter.plan
    bound = plan.output_tokens
    if charge.meter.is_partial() and (not call.stream or plan.model.reasons):
        # What nobody sees while it is produced cannot be cut in time: the provider must know the bound.
        bound = plan.affordable_tokens(charge.meter.hold_n)
    each = max(1, bound // plan.choices)
    if each == call.max_tokens or (call.max_tokens is None and each == plan.model.max_output):
        return None
    if call.max_tokens is None and plan.model.max_output is None and each == plan.model.context:
        return None  # the model's own limit, unknown to us, is below its context anyway
    return plan.max_tokens_name, each


def _request_head(provider: Provider, origin: Origin) -> str:
    """What every request to a provider begins with. Nothing in it may end a line before its time."""
    path = urlsplit(provider.base_url).path + openai.CHAT_PATH
    fields = {"Host": origin.authority, **openai.headers(provider.api_key)}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise Unusable(MISCONFIGURED, at_once=True)
    return "".join(f"{line}\r\n" for line in lines)
