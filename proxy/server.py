"""The server: what aiohttp refuses before a handler is asked is refused in the shape of all refusals."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from core.errors import BadRequest, NotFound, Refused
from core.ids import uuid7
from proxy import answers

RequestHandler = Callable[[Any], Awaitable[web.StreamResponse]]
MALFORMED = (
    "This cannot be read as an HTTP/1.1 request: its head is malformed or has too many fields, or its body "
    "is not divided as the head says."
)
NO_PATH = "This address is no path. Ask for one that begins with a slash."
NO_SUCH_EXPECT = "The header Expect may say 100-continue and nothing else. Leave it out."
_log = structlog.get_logger()


class Reader(web.RequestHandler):
    """Reads the requests of a connection. What it cannot read it does not repeat: that may hold a key."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        told = MALFORMED
        if isinstance(exc, LineTooLong):
            told = (
                f"A line of the request's head is longer than {self.max_field_size} bytes. Send shorter ones."
            )
        answer = _refusal(BadRequest(told), reason=type(exc).__name__)
        answer.force_close()  # where the next request begins is not known
        return answer


class Server(web.Server):
    """Serves as another server does, with readers of our own; `options` are theirs."""

    def __init__(self, other: web.Server, **options: Any) -> None:
        super().__init__(
            in_our_shape(other.request_handler),
            request_factory=other.request_factory,
            handler_cancellation=other.handler_cancellation,
        )
        self._options = options

    def __call__(self) -> Reader:
        return Reader(self, loop=asyncio.get_running_loop(), **self._options)


def in_our_shape(handler: RequestHandler) -> RequestHandler:
    """Wrap what has a router, which refuses some requests by itself."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound as error:
            return _refusal(NotFound(NO_PATH), reason=type(error).__name__)
        except web.HTTPExpectationFailed as error:
            return _refusal(BadRequest(NO_SUCH_EXPECT), reason=type(error).__name__)

    return handle


def _refusal(refused: Refused, *, reason: str) -> web.Response:
    request_id = uuid7()
    _log.info("refused", request_id=str(request_id), status=refused.status, reason=reason)
    return answers.refusal(refused, request_id=request_id)
