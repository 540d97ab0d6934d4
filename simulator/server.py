"""The HTTP server: which paths there are, and how one simulator is started and stopped."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from simulator.conversation import STATE, State, converse, open_record
from simulator.dialect import Dialect
from simulator.dialects import (
    anthropic,
    gemini,
    gemini_embeddings,
    mistral_ocr,
    openai,
    openai_completions,
    openai_embeddings,
)
from simulator.refusals import Refusal
from simulator.replies import JSON
from simulator.settings import Settings
from simulator.truth import TruthLog

MODELS = ("tiny", "small", "medium", "large")
_MADE_AT = 1_767_225_600
_OPENAI: Dialect = openai
_CALLS: dict[str, Dialect] = {
    "/v1/chat/completions": openai,
    "/v1/completions": openai_completions,
    "/v1/embeddings": openai_embeddings,
    "/v1/messages": anthropic,
    "/v1/ocr": mistral_ocr,
    "/v1/models/{model}:batchEmbedContents": gemini_embeddings,
    "/v1beta/models/{model}:batchEmbedContents": gemini_embeddings,
    "/v1/models/{model}:{method}": gemini,
    "/v1beta/models/{model}:{method}": gemini,
}


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that answers. `api_base` is what a provider's base URL is set to, Gemini's is its own."""

    url: str
    port: int
    truth: TruthLog

    @property
    def api_base(self) -> str:
        return f"{self.url}/v1"

    @property
    def gemini_base(self) -> str:
        return f"{self.url}/v1beta"


def build_app(settings: Settings) -> web.Application:
    """Make the application; its truth log is `app[STATE].truth`. Serve it with `handler_cancellation`."""
    app = web.Application(client_max_size=settings.max_body_bytes)
    app[STATE] = State(settings, TruthLog(settings.truth_log, clock=time.time))
    for path, dialect in _CALLS.items():
        app.router.add_post(path, partial(converse, dialect=dialect))
    app.router.add_get("/v1/models", _models)
    app.router.add_get("/healthz", _health)
    app.router.add_route("*", "/elsewhere", _elsewhere)
    if settings.truth_url:
        app.router.add_get("/_truth", _truth)
        app.router.add_delete("/_truth", _forget)
    app.router.add_route("*", "/{rest:.*}", _unknown)
    app.on_shutdown.append(_close)
    return app


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Serve on the settings' host and port (0 takes a free one) until the block ends."""
    app = build_app(settings)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
        port = runner.addresses[0][1]
        yield Running(f"http://{settings.host}:{port}", port, app[STATE].truth)
    finally:
        await runner.cleanup()


async def _models(request: web.Request) -> web.Response:
    try:
        _OPENAI.admit(request.headers)
    except Refusal as refusal:
        return web.Response(body=_OPENAI.refuse(refusal), status=refusal.status, content_type=JSON)
    rows = [{"id": name, "object": "model", "created": _MADE_AT, "owned_by": "simulator"} for name in MODELS]
    return web.json_response({"object": "list", "data": rows})


async def _health(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _elsewhere(request: web.Request) -> web.Response:
    """Be where redirects lead, and leave a record of everyone who followed one."""
    request.app[STATE].truth.end(open_record(request), "done")
    return web.json_response({"followed": True})


async def _truth(request: web.Request) -> web.Response:
    found = request.app[STATE].truth.records(request.query.get("request_id"))
    return web.Response(text=json.dumps(found), content_type=JSON)


async def _forget(request: web.Request) -> web.Response:
    request.app[STATE].truth.forget()
    return web.Response(status=204)


async def _unknown(request: web.Request) -> web.Response:
    request.app[STATE].truth.end(open_record(request), "error:404")
    paths = ", ".join(_CALLS)
    refusal = Refusal(f"Unknown path. Use GET /v1/models or POST to one of: {paths}.", status=404)
    body = _OPENAI.refuse(refusal)
    return web.Response(body=body, status=refusal.status, content_type=JSON)


async def _close(app: web.Application) -> None:
    app[STATE].truth.close()
