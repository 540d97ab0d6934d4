"""Servers of a test's own: to be killed, started again, joined to a cluster, or reached through a bad wire."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import redis

from dev.places import Place, temporary_place
from dev.ports import free_port
from dev.spawn import await_ready, end, spawn
from dev.valkey import Valkey
from proxy.store.slots import SLOTS
from tests.dev.waiting import until

PASSWORD = "secret of the test"
URL_PASSWORD = "secret%20of%20the%20test"


class OwnServer:
    """A Valkey that may be killed and started again in the same place."""

    def __init__(self, home: Place, *settings: str) -> None:
        self.valkey = Valkey(home, port=free_port(), password=f'"{PASSWORD}"', durable=False)
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self.valkey.port

    @property
    def url(self) -> str:
        return f"redis://:{URL_PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.valkey.prepare()
        with self.valkey.config.open("a") as config:
            config.write("\n".join([*self.settings, ""]))
        program = self.valkey.program()
        self.process = spawn(program, output=subprocess.DEVNULL)
        await_ready(self.process, program, timeout_s=30)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(5)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            end(self.process, signal.SIGKILL, grace_s=10)

    def ask(self, *words: str | int) -> object:
        with redis.Redis(port=self.port, password=PASSWORD, decode_responses=True) as link:
            return link.execute_command(*words)

    @property
    def run_id(self) -> str:
        return self.ask("INFO", "server")["run_id"]


@contextmanager
def own_server(*settings: str) -> Iterator[OwnServer]:
    with temporary_place("valkey") as home:
        server = OwnServer(home, *settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def own_cluster() -> Iterator[list[OwnServer]]:
    """Three primaries, each with a third of the slots."""
    settings = ("cluster-enabled yes", "cluster-node-timeout 2000", f'masterauth "{PASSWORD}"')
    with ExitStack() as stack:
        ports = [free_port() for _ in range(3)]
        nodes = [stack.enter_context(own_server(*settings, f"cluster-port {port}")) for port in ports]
        for number, node in enumerate(nodes):
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
            for other, port in zip(nodes, ports, strict=True):
                node.ask("CLUSTER", "MEET", "127.0.0.1", other.port, port)
        until(lambda: all(whole(node) for node in nodes), timeout_s=20)
        yield nodes


def whole(node: OwnServer) -> bool:
    said = node.ask("CLUSTER", "INFO").split("\r\n")
    return {"cluster_state:ok", "cluster_known_nodes:3"} <= set(said)


class Wire:
    """A relay of bytes before a server: it can be led to another, cut an answer short, or swallow answers."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.cut_after: int | None = None
        self.deaf = False
        self.accepted = 0
        self.writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, *, ssl=None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=ssl)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self.accepted += 1
        self._tasks.add(asyncio.current_task())
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer, answers=True))
        self.writers -= {writer, back}

    async def _pump(self, source, target, *, answers=False):
        with suppress(OSError):
            while data := await source.read(65536):
                if answers and self.deaf:
                    continue
                if answers and self.cut_after is not None:
                    target.write(data[: self.cut_after])
                    await target.drain()
                    break
                target.write(data)
        target.close()
