"""Programs of the rig: started, stopped, killed and frozen as often as a scenario wants, always on the same port."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic

from dev.answers import answers_http
from dev.ports import LOOPBACK
from dev.postgres import Postgres
from dev.programs import Layer, Program
from dev.spawn import Process as Child
from dev.spawn import kill_group, spawn
from dev.valkey import Valkey
from tests.chaos.clocks import Clock, clear_shared

ROOT = Path(__file__).resolve().parents[2]
READY_S = 30
POLL_S = 0.02


class Process:
    """One program, where it listens and where it writes. `prepare` is run before each start."""

    def __init__(
        self,
        program: Program,
        *,
        log: Path,
        clock: Clock,
        port: int | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.program, self.log, self.clock, self.port, self.prepare = program, log, clock, port, prepare
        self.child: Child | None = None
        self.is_wanted = False  # it was started, and nobody has ended it
        self._said_before = 0  # bytes of the log of earlier lives

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def is_alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    @property
    def has_died(self) -> bool:
        """Whether it ended, and nobody here ended it."""
        return self.is_wanted and not self.is_alive

    def start(self, clock: Clock | None = None) -> None:
        """Start it, under another clock if that is wanted; `ready` says when it answers.

        In the thread that calls, which must outlive it: so never in one of a pool.
        """
        if self.prepare is not None:
            self.prepare()
        self.is_wanted = True
        argv = (clock or self.clock).command(self.program.argv)
        with self.log.open("ab") as out:
            self._said_before = out.tell()
            self.child = spawn(replace(self.program, argv=argv), output=out.fileno())

    async def ready(self) -> None:
        """Wait until it answers. Fails, with the end of its log, when it ends instead."""
        is_ready = self.program.is_ready or (lambda: b"started" in self.said())
        async with asyncio.timeout(READY_S):
            while not await asyncio.to_thread(is_ready):
                assert self.is_alive, self.last_words()
                await asyncio.sleep(POLL_S)

    def send(self, number: signal.Signals) -> None:
        assert self.child is not None
        self.child.send_signal(number)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it by a signal that leaves no choice, with all that it started."""
        assert self.child is not None
        self.is_wanted = False
        with suppress(ProcessLookupError):
            self.child.send_signal(number)
        self.child.wait(30)
        kill_group(self.child)
        clear_shared(self.child.pid)

    async def ended(self, *, within_s: float) -> int:
        """Wait for its end; returns the exit code."""
        child = self.child
        assert child is not None
        await until(lambda: child.poll() is not None, within_s=within_s)
        self.is_wanted = False
        return child.returncode

    def stop(self, *, grace_s: float = 10) -> None:
        """Ask it to end, and see that it does: for when a rig is taken down."""
        if not self.is_alive:
            return
        self.send(signal.SIGCONT)
        self.send(self.program.stop_signal)
        deadline, pause = monotonic() + grace_s, Event()
        while self.is_alive and monotonic() < deadline:
            pause.wait(POLL_S)
        self.kill()

    def said(self) -> bytes:
        """What it has logged in this life."""
        with self.log.open("rb") as log:
            log.seek(self._said_before)
            return log.read()

    def last_words(self, lines: int = 30) -> str:
        said = self.said().decode(errors="replace").splitlines()[-lines:]
        return f"{self.program.name} has ended:\n" + "\n".join(said)


async def until(is_so: Callable[[], object], *, within_s: float) -> None:
    """Wait for what another process does, which tells nobody here."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


def store(service: Postgres | Valkey, *, log: Path, clock: Clock) -> Process:
    """A database of ours."""
    service.prepare()
    return Process(service.program(), log=log, clock=clock, port=service.port, prepare=service.prepare)


def python(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    clock: Clock,
    port: int | None = None,
    path: str = "/readyz",
) -> Process:
    """A program of the product: ready when GET of the path gives 200; without a port, when it says so."""
    program = Program(
        argv[0],
        [sys.executable, "-m", *argv],
        env,
        Layer.FRONT,
        cwd=ROOT,
        is_ready=None if port is None else lambda: answers_http(port, path),
        orphan_signal=signal.SIGKILL,
    )
    return Process(program, log=log, clock=clock, port=port)
