"""Run the relay: `python -m proxy`. One process uses one core; start more, they share the port."""

import asyncio
import gc
import os
import signal
import sys

import structlog
import uvloop
from aiohttp import web

from core.config import Misconfigured, Settings
from core.logs import configure_logs
from proxy.app import build_app, serving

BACKLOG = 1024
GC_OBJECTS = 10_000  # calls under way are many objects and hardly ever a cycle: look for those less often
_log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then finish what runs, for at most `drain_s`, and settle it all."""
    # Shutting down is waited for twice: for a request to end by itself, then for its body to end.
    limits = {"shutdown_timeout": settings.drain_s / 2, "max_line_size": 8190, "max_field_size": 8190}
    async with serving(build_app(settings), **limits) as runner:
        site = web.TCPSite(runner, settings.proxy_host, settings.proxy_port, reuse_port=True, backlog=BACKLOG)
        gc.collect()
        gc.freeze()  # modules, tables, settings: they stay, and are not looked at again
        gc.set_threshold(GC_OBJECTS)
        await site.start()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        _log.info("proxy_listening", host=settings.proxy_host, port=settings.proxy_port)
        await stop.wait()
        _log.info("proxy_draining")


def main() -> None:
    try:
        settings = Settings.from_env(os.environ)
    except Misconfigured as error:
        sys.exit(str(error))
    configure_logs(settings.log_level, "proxy")
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
