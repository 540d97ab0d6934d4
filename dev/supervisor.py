"""Starts programs, waits until they answer, keeps them, and stops them in the right order."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

from dev.child import Child
from dev.errors import StartError
from dev.logs import Terminal
from dev.programs import Layer, Program, Task
from dev.spawn import end
from dev.tether import tethered

READY_S = 30
POLL_S = 0.03
# Seconds each layer has to stop; together less than the ten that are promised.
GRACE_S: Mapping[Layer, float] = {Layer.FRONT: 3.5, Layer.BACK: 2.5, Layer.SIDE: 0.7, Layer.STORE: 2.5}


class Stopped(Exception):  # not an error: somebody asked for it
    """The start was cut short by a wish to stop."""


class Supervisor:
    """The programs of one state directory. `stopping` is set by whoever wants it all to end."""

    def __init__(self, logs: Path, *, terminal: Terminal, stopping: Event) -> None:
        self.logs, self.terminal, self.stopping = logs, terminal, stopping
        self.hurry = Event()  # set to stop without grace
        self.children: list[Child] = []
        self.on_start: Callable[[], None] = lambda: None
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def pids(self) -> dict[str, int]:
        return {child.program.name: child.pid for child in self.children if child.pid}

    def begin(self, programs: list[Program]) -> list[Child]:
        """Start them all at once, without waiting."""
        begun = [self._child(program) for program in programs]
        self.children += begun
        for child in begun:
            child.start()
        return begun

    def await_ready(self, children: list[Child], *, timeout_s: float = READY_S) -> None:
        """Wait until they answer. Raises StartError when one ends or stays silent."""
        began = time.monotonic()
        waiting = list(children)
        while waiting:
            waited_s = time.monotonic() - began
            for child in children:  # also those that seemed ready: one without a check may still end
                refuse_dead(child, waited_s=waited_s)
            waiting = [child for child in waiting if not is_ready(child)]
            if waiting and waited_s > timeout_s:
                raise StartError(told(waiting[0], f"does not answer after {timeout_s:g} s"))
            if self.stopping.wait(POLL_S):
                raise Stopped
        for child in children:
            child.is_starting = False

    def perform(self, task: Task) -> None:
        """Run a task to its end. Raises StartError with its last lines when it fails."""
        log = self.logs / f"{task.name}.log"
        command = tethered(task.argv, signal=signal.SIGTERM)
        with log.open("wb") as out:  # a task speaks of its own run only
            process = subprocess.Popen(
                command, env=dict(task.env), cwd=task.cwd, stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + task.timeout_s
        try:
            while process.poll() is None:
                if self.stopping.wait(POLL_S):
                    raise Stopped
                if time.monotonic() > deadline:
                    raise StartError(f"{task.name} took longer than {task.timeout_s:g} s. See {log}")
        finally:
            end(process, signal.SIGTERM, grace_s=2)
        if process.returncode != 0:
            raise StartError(f"{task.name} ended with code {process.returncode}:\n{tail(log)}")

    def stop(self) -> None:
        """Stop all, the front first, the stores last. Bounded by GRACE_S."""
        for layer in sorted(Layer, reverse=True):
            ending = [child for child in self.children if child.program.layer is layer]
            deadline = time.monotonic() + GRACE_S[layer]
            for child in ending:
                child.ask_to_stop()
            for child in ending:
                while not child.join(POLL_S) and time.monotonic() < deadline and not self.hurry.is_set():
                    pass
            for child in ending:
                if not child.join(0):
                    self.terminal.say(f"{child.program.name} did not stop in time and was killed")
                    child.kill()
                    child.join(1)

    def _child(self, program: Program) -> Child:
        log = self.logs / f"{program.name}.log"
        return Child(program, log=log, terminal=self.terminal, on_start=self._started)

    def _started(self) -> None:
        self.on_start()


def is_ready(child: Child) -> bool:
    check = child.program.is_ready
    if child.deaths and child.program.patience_s == 0:
        return False
    return child.is_alive and (check is None or check())


def refuse_dead(child: Child, *, waited_s: float) -> None:
    patience_s = child.program.patience_s
    if child.deaths and (patience_s == 0 or (waited_s >= patience_s and not child.is_alive)):
        raise StartError(told(child, "does not start"))


def told(child: Child, what: str) -> str:
    return "\n".join([f"{child.program.name} {what}. Its last lines:", *child.log.last])


def tail(path: Path, *, lines: int = 20) -> str:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 8192))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
