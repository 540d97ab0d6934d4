"""The relay as an application: its routes, and what starts and ends with it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from aiohttp import hdrs, web
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from core.config import Settings
from core.db import async_engine
from proxy.catalog import Catalog
from proxy.deps import DEPS, Deps
from proxy.endpoints import ENDPOINTS
from proxy.errors import answered
from proxy.formats.messages.errors import error_body as messages_error
from proxy.front_door import FrontDoor
from proxy.grants import Grants, Rules
from proxy.handlers.elsewhere import nothing, only
from proxy.handlers.estimate import estimate
from proxy.handlers.model_calls import handler_of
from proxy.handlers.models import models, one_model
from proxy.leases.build import build_leases
from proxy.refusals import Refusals
from proxy.routing.healths import Healths
from proxy.routing.probes import Probes
from proxy.routing.router import Router
from proxy.routing.sharing import Sharing
from proxy.running import Running
from proxy.server import RequestHandler, Server
from proxy.upstream.offers import Upstreams, system_trust

RESTART_S = 1.0
PREFIXES = ("/api/v1", "/v1")
MESSAGES_ARE_AT = (
    "Messages go to POST {0}/messages. How many tokens one has and what it costs at most is told by "
    "POST {0}/cost/estimate?endpoint=messages, which takes the same body."
)
CALLS_ARE_AT = (
    f"Calls to models go to POST {', '.join('/v1' + endpoint.path for endpoint in ENDPOINTS)}; "
    "GET /v1/models lists the models. Keys, credits and usage are below /api/v1."
)
FRONT_DOOR = web.AppKey("front_door", FrontDoor)
_log = structlog.get_logger()


def build_app(settings: Settings) -> web.Application:
    app = web.Application()
    app[DEPS] = build_deps(settings)
    app[FRONT_DOOR] = FrontDoor(
        settings.portal_url,
        connect_timeout_s=settings.connect_timeout_s,
        trusted_proxies=settings.trusted_proxies,
    )
    deps = app[DEPS]
    for path, handler in model_calls(deps).items():
        app.router.add_post(path, handler)
    for prefix in PREFIXES:
        app.router.add_get(f"{prefix}/models", answered(models, deps))
        app.router.add_get(f"{prefix}/models/{{id:.+}}", answered(one_model, deps))
        app.router.add_post(f"{prefix}/cost/estimate", answered(estimate, deps))
    refuse_the_rest(app)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_route("*", "/{path:.*}", app[FRONT_DOOR].handle)
    app.cleanup_ctx.append(background)
    return app


def refuse_the_rest(app: web.Application) -> None:
    """Answer what the model endpoints do not serve, in the shape of each. It comes after what they serve."""
    deps = app[DEPS]
    for prefix in PREFIXES:
        for endpoint in ENDPOINTS:
            refuse = answered(only("POST"), deps, shape=endpoint.shape)
            app.router.add_route("*", f"{prefix}{endpoint.path}", refuse)
        app.router.add_route("*", f"{prefix}/cost/estimate", answered(only("POST"), deps))
        app.router.add_route("*", f"{prefix}/models", answered(only("GET"), deps))
        app.router.add_route("*", f"{prefix}/models/{{id:.+}}", answered(only("GET"), deps))
        below = answered(nothing(MESSAGES_ARE_AT.format(prefix)), deps, shape=messages_error)
        app.router.add_route("*", f"{prefix}/messages/{{path:.*}}", below)
    # Below /api/v1 the portal has addresses as well; here it has none.
    app.router.add_route("*", "/v1/{path:.*}", answered(nothing(CALLS_ARE_AT), deps))


@asynccontextmanager
async def serving(
    app: web.Application, *, shutdown_timeout: float, **options: Any
) -> AsyncIterator[web.BaseRunner]:
    """Have the application ready for connections. `options` are those of who reads them."""
    started = web.AppRunner(app, handler_cancellation=True)
    await started.setup()
    assert started.server is not None
    server = Server(started.server, access_log=None, auto_decompress=False, **options)
    server.request_handler = calls_first(app[DEPS], otherwise=server.request_handler)
    runner = web.ServerRunner(server, shutdown_timeout=shutdown_timeout)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()
        await started.cleanup()


def model_calls(deps: Deps) -> dict[str, RequestHandler]:
    """What takes calls to models, by path."""
    return {
        f"{prefix}{endpoint.path}": answered(handler_of(endpoint), deps, shape=endpoint.shape)
        for prefix in PREFIXES
        for endpoint in ENDPOINTS
    }


def calls_first(deps: Deps, *, otherwise: RequestHandler) -> RequestHandler:
    """Take model calls past the router: to find their one route took as long as to read their body."""
    calls = model_calls(deps)

    def handle(request: Any) -> Awaitable[web.StreamResponse]:
        if request.method == "POST" and hdrs.EXPECT not in request.headers:
            return calls.get(request.raw_path, otherwise)(request)
        return otherwise(request)

    return handle


def build_deps(settings: Settings) -> Deps:
    engine = async_engine(settings.database_url)
    leases = build_leases(settings, engine)
    running = Running(leases.gate)
    leases.generations.running = running.generations
    healths = Healths(leases.clock.now_ms)
    return Deps(
        settings=settings,
        engine=engine,
        catalog=Catalog(engine, provider_secret=settings.provider_secret, fee_bps=settings.fee_bps),
        grants=Grants(engine, pepper=settings.key_pepper, rules=Rules.of(settings)),
        leases=leases,
        running=running,
        upstreams=Upstreams(settings, Router(healths, Probes(leases.store))),
        sharing=Sharing(leases.store, healths, leases.clock),
        refusals=Refusals(engine),
        clock=leases.clock,
    )


async def background(app: web.Application) -> AsyncIterator[None]:
    """What runs beside the requests. At the end everything that was admitted is settled first."""
    deps = app[DEPS]
    leases = deps.leases
    await deps.catalog.refresh()
    await leases.open()
    await deps.sharing.share()
    await asyncio.to_thread(system_trust)
    tasks = [
        asyncio.create_task(kept_up(work))
        for work in (
            deps.catalog.keep_fresh,
            deps.running.keep_alive,
            deps.refusals.keep_writing,
            deps.sharing.keep,
            *leases.background,
        )
    ]
    yield
    began = time.monotonic()
    await deps.running.drained(within_s=deps.settings.drain_s)
    await leases.drained(within_s=max(1.0, deps.settings.drain_s / 2 - (time.monotonic() - began)))
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await deps.refusals.write()
    await leases.close()
    deps.upstreams.close()
    await app[FRONT_DOOR].close()
    await deps.engine.dispose()


async def kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """Run what must never end. A fault nobody thought of is an alarm, not the silent end of it."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001  # logged whole; calls depend on it going on
            _log.exception("background_work_failed", work=work.__qualname__)
        await asyncio.sleep(RESTART_S)


async def healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Ready when the books can be reached and there is a catalogue to serve."""
    deps = request.app[DEPS]
    if (fault := deps.leases.fault()) is not None:
        return web.json_response({"status": fault}, status=503)
    try:
        async with asyncio.timeout(2), deps.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError):
        return web.json_response({"status": "database unreachable"}, status=503)
    degraded = {"degraded": "counters away"} if deps.leases.is_degraded else {}
    return web.json_response({"status": "ok", **degraded})
