"""`python -m simulator`: serve until SIGTERM or SIGINT; prints `{"port": N}` once it answers."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from simulator.server import running
from simulator.settings import Settings

HIGHEST_PORT = 65_535


def read_settings(arguments: Sequence[str]) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=0, help="port to listen on; 0 takes a free one (0)")
    parser.add_argument("--truth-log", type=Path, help="append one JSON line per call to this file")
    parser.add_argument("--truth-url-free", action="store_true", help="serve no /_truth")
    read = parser.parse_args(arguments)
    return Settings(
        host=read.host, port=read.port, truth_log=read.truth_log, truth_url=not read.truth_url_free
    )


def main(arguments: Sequence[str]) -> None:
    settings = read_settings(arguments)
    try:
        uvloop.run(serve(settings))
    except OSError as failure:
        sys.exit(f"The simulator cannot start: {failure}. Choose another --port or --truth-log.")


def _port(value: str) -> int:
    port = int(value)
    if not 0 <= port <= HIGHEST_PORT:
        raise ValueError(value)
    return port


async def serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings) as simulator:
        sys.stdout.write(json.dumps({"port": simulator.port}) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
