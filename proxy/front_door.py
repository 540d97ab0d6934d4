"""The front door: what the relay does not serve is streamed to the portal, so that one origin serves all."""

from collections.abc import Mapping

import aiohttp
import structlog
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from core.errors import NotFound, Unavailable
from core.ids import uuid7
from proxy import answers

# Headers that belong to one connection, not to the message (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
FORWARDED = frozenset(
    {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"}
)
CHUNK = 64 * 1024
_log = structlog.get_logger()


class FrontDoor:
    """Passes requests to the portal and its answers back, byte for byte."""

    def __init__(self, portal_url: str | None, *, connect_timeout_s: float, trusted_proxies: int) -> None:
        self._portal_url = portal_url
        self._trusted = trusted_proxies
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s, sock_read=120)
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        # Only a path goes behind the portal's address: "x:@host/" there would name another server.
        if self._portal_url is None or not request.raw_path.startswith("/"):
            return answers.refusal(
                NotFound("There is nothing at this address. Model endpoints are under /api/v1."),
                request_id=uuid7(),
            )
        try:
            answer = await self._ask(request, self._portal_url)
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.warning("portal_unreachable", error=type(error).__name__)
            return answers.refusal(
                Unavailable("The portal is starting or restarting. Try again in a moment.", retry_after_s=2),
                request_id=uuid7(),
            )
        async with answer:
            return await self._pass_back(request, answer)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(self, request: web.Request, portal_url: str) -> aiohttp.ClientResponse:
        return await self._portal().request(
            request.method,
            URL(portal_url + request.raw_path, encoded=True),
            headers=self.request_headers(request),
            data=request.content.iter_chunked(CHUNK) if request.can_read_body else None,
            allow_redirects=False,
        )

    async def _pass_back(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Once begun, an answer that breaks off is broken off here too: half a page must not look whole."""
        response = web.StreamResponse(status=answer.status, headers=_without_hops(answer.headers))
        try:
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
        except (aiohttp.ClientError, OSError) as error:
            _log.warning("portal_answer_broke_off", error=type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
        return response

    def request_headers(self, request: web.Request) -> CIMultiDict[str]:
        """The client's headers, with who is asking as far as we can tell."""
        made = CIMultiDict(
            (name, value)
            for name, value in _without_hops(request.headers).items()
            if self._trusted or name.lower() not in FORWARDED
        )
        known = made.get("X-Forwarded-For")
        peer = request.remote or "unknown"
        made["X-Forwarded-For"] = f"{known}, {peer}" if known else peer
        made.setdefault("X-Forwarded-Proto", request.scheme)
        made.setdefault("X-Forwarded-Host", request.host)
        return made

    def _portal(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=200),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
            )
        return self._session


def _without_hops(headers: Mapping[str, str]) -> CIMultiDict[str]:
    listed = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP | listed
    )
