"""Sending a call to a provider: a connection pool each, no redirects, no cookies, no header of the client's.

Tries the offers of a plan one after another until one answers; after that there is no way back.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import aiohttp
import msgspec
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from core.config import Settings
from core.errors import BadRequest, TooLarge, UpstreamFailed
from core.rules.addresses import is_public
from proxy.catalog import Offer, Provider
from proxy.chat_call import ChatCall
from proxy.providers import openai
from proxy.running import Charge
from proxy.sse import MalformedStream

MAX_ANSWER = 64 << 20  # bytes of a plain answer
MAX_ERROR = 64 << 10
MAX_REASON = 300
CLIENTS_FAULT = frozenset({400, 413, 415, 422})
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError)
SECRET = re.compile(r"(?:sk|key|Bearer)[-_ ][A-Za-z0-9._-]{6,}")
_log = structlog.get_logger()


class Unusable(Exception):
    """One offer failed before anything reached the client; the next may do better."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer whose headers are here. `sent` is the body we sent, without any credential."""

    offer: Offer
    response: aiohttp.ClientResponse
    sent: bytes


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only, so that no name leads a provider's traffic inside."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = [result for result in found if is_public(result["host"])]
        if not public:
            raise OSError(f"{host} resolves to no public address")
        return public

    async def close(self) -> None:
        await self._inner.close()


class Upstreams:
    """Connections to providers, kept open between calls."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sessions: dict[tuple[UUID, bool], aiohttp.ClientSession] = {}

    @asynccontextmanager
    async def send(self, charge: Charge, call: ChatCall) -> AsyncIterator[Answer]:
        """The answer of the first offer that gives one; its connection is closed on the way out.

        Raises BadRequest when the provider finds the request wrong, UpstreamFailed when all failed.
        """
        reasons: list[str] = []
        for offer in charge.meter.plan.offers:
            try:
                answer = await self._try(offer, charge, call)
            except Unusable as failure:
                reasons.append(f"{offer.provider.name}: {failure}")
                _log.warning("offer_failed", provider=offer.provider.name, reason=str(failure))
                continue
            charge.meter.offer = offer
            try:
                yield answer
            finally:
                answer.response.release() if answer.response.content.at_eof() else answer.response.close()
            return
        raise UpstreamFailed(
            "No provider could answer this call. Try again, or choose another model.",
            metadata={
                "provider_name": charge.meter.plan.offers[-1].provider.name,
                "reason": "; ".join(reasons),
            },
        )

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()

    async def _try(self, offer: Offer, charge: Charge, call: ChatCall) -> Answer:
        sent = openai.request_body(
            call.fields, model=offer.upstream_model, stream=call.stream, max_tokens=_cap(charge, call)
        )
        try:
            async with asyncio.timeout(self._settings.first_byte_timeout_s):
                response = await self._session(offer.provider).post(
                    offer.provider.base_url + openai.CHAT_PATH,
                    data=sent,
                    headers=openai.headers(offer.provider.api_key, request_id=str(charge.call.request_id)),
                    allow_redirects=False,
                )
        except TimeoutError:
            raise Unusable("no answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unusable(_connection_reason(error)) from None
        try:
            await self._check(response, offer.provider, stream=call.stream)
        except BaseException:
            response.close()
            raise
        return Answer(offer, response, sent)

    async def _check(self, response: aiohttp.ClientResponse, provider: Provider, *, stream: bool) -> None:
        """Raise unless the answer is one we can relay."""
        if response.status in CLIENTS_FAULT:
            await self._clients_fault(response, provider)
        if response.status != 200:  # noqa: PLR2004
            if response.status in {401, 403}:  # our credential, not the client's: the operator must act
                _log.error("provider_refuses_our_key", provider=provider.name, status=response.status)
                raise Unusable("the provider is misconfigured here")
            raise Unusable(f"status {response.status}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Unusable("an encoding that was not asked for")
        if stream and response.content_type != "text/event-stream":
            raise Unusable("not a stream")

    async def _clients_fault(self, response: aiohttp.ClientResponse, provider: Provider) -> None:
        reason = await _stated_reason(response, provider)
        message = f"The provider {provider.name} refused the request: {reason}"
        raise (TooLarge if response.status == 413 else BadRequest)(message)  # noqa: PLR2004

    def _session(self, provider: Provider) -> aiohttp.ClientSession:
        place = (provider.id, provider.allow_private)
        if place not in self._sessions:
            settings = self._settings
            self._sessions[place] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    resolver=None if provider.allow_private else PublicResolver(),
                    ttl_dns_cache=30,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=settings.connect_timeout_s, sock_read=settings.idle_timeout_s
                ),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding"),
            )
        return self._sessions[place]


async def read_plain(answer: Answer) -> bytes:
    """The whole of a plain answer. Raises MalformedStream when it is beyond all bounds."""
    body = bytearray()
    async for chunk in answer.response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise MalformedStream("the answer is too long")
    return bytes(body)


def _cap(charge: Charge, call: ChatCall) -> tuple[str, int] | None:
    """The output bound to send along, where it is not what the client or the model sets already."""
    plan = charge.meter.plan
    bound = plan.output_tokens
    if charge.meter.is_partial() and not call.stream:
        bound = plan.affordable_tokens(charge.meter.hold_n)
    each = max(1, bound // plan.choices)
    if each == call.max_tokens or (call.max_tokens is None and each == plan.model.max_output):
        return None
    if call.max_tokens is None and plan.model.max_output is None and each == plan.model.context:
        return None  # the model's own limit, unknown to us, is below its context anyway
    return plan.max_tokens_name, each


async def _stated_reason(response: aiohttp.ClientResponse, provider: Provider) -> str:
    """The provider's own words, cleaned: short, printable, without anything like a secret."""
    try:
        raw = await response.content.read(MAX_ERROR)
        stated = msgspec.json.decode(raw)["error"]
        text = stated["message"] if isinstance(stated, dict) else stated
    except (aiohttp.ClientError, TimeoutError, *UNREADABLE):
        text = None
    if not isinstance(text, str) or not text.strip():
        return f"status {response.status}"
    text = SECRET.sub("[removed]", text.replace(provider.api_key, "[removed]"))
    return "".join(c for c in text if c.isprintable())[:MAX_REASON]


def _connection_reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "its certificate is not valid"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name does not resolve to a public address"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot be connected to"
    return "closed the connection without an answer"
