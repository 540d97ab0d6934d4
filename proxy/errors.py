"""The one place where a refusal or a failure of the relay becomes an HTTP answer."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from aiohttp import web

from core.errors import OurFault, Refused, Unauthenticated
from core.ids import uuid7
from proxy import answers
from proxy.deps import Deps
from proxy.rates import count_refused, tell_rate
from proxy.running import ClientGone

Handler = Callable[[web.Request, Deps], Awaitable[web.StreamResponse]]
REQUEST_ID = web.RequestKey("request_id", UUID)
_log = structlog.get_logger()


def answered(
    handler: Handler, deps: Deps, *, shape: answers.Shape = answers.error_body
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap a model endpoint: every request gets an id of ours, every error the shape of its format."""

    async def refuse(request: web.Request, refused: Refused) -> web.Response:
        provider = str(refused.metadata.get("provider_name", answers.NO_PROVIDER))
        answer = answers.refusal(refused, request_id=request[REQUEST_ID], provider=provider, shape=shape)
        if not isinstance(refused, Unauthenticated):  # a key that was live until now has no rate any more
            await tell_rate(request, answer, deps)
        return answer

    async def wrapped(request: web.Request) -> web.StreamResponse:
        request[REQUEST_ID] = uuid7(deps.clock.now_ms())
        try:
            return await handler(request, deps)
        except Refused as refused:
            request_id = request[REQUEST_ID]
            _log.info("refused", request_id=str(request_id), status=refused.status, reason=refused.reason)
            count_refused(request, refused, deps)
            return await refuse(request, refused)
        except ClientGone:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=499)
        except Exception:  # noqa: BLE001  # the rim: logged whole, told without internals
            request_id = request[REQUEST_ID]
            _log.exception("failed", request_id=str(request_id), path=request.path)
            return await refuse(request, OurFault(request_id=request_id))

    return wrapped
