"""Starts one program, tied to this process, and ends it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event

from dev.errors import StartError
from dev.programs import Program
from dev.tether import tethered

Process = subprocess.Popen[bytes]
POLL_S = 0.02


def spawn(program: Program, *, output: int = subprocess.PIPE) -> Process:
    """Start it in a session of its own: Ctrl-C at the terminal reaches only us, and we stop all in order.

    The calling thread must outlive the program: the kernel takes the thread for its parent.
    """
    argv = tethered(program.argv, signal=program.orphan_signal, uid=program.uid, gid=program.gid)
    return subprocess.Popen(
        argv,
        cwd=program.cwd,
        env=dict(program.env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def kill_group(process: Process) -> None:
    """End what the program left behind in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def end(process: Process, first: signal.Signals, *, grace_s: float) -> None:
    """Ask it to stop, then kill it."""
    if process.poll() is None:
        process.send_signal(first)
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    kill_group(process)


@contextmanager
def running_alone(program: Program, *, timeout_s: float) -> Iterator[Process]:
    """Run one program for a block of code, as test sessions do. Its output goes nowhere.

    Raises StartError when it is not ready in time.
    """
    process = spawn(program, output=subprocess.DEVNULL)
    try:
        await_ready(process, program, timeout_s=timeout_s)
        yield process
    finally:
        end(process, program.orphan_signal, grace_s=10)


def await_ready(process: Process, program: Program, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    pause = Event()
    while program.is_ready is not None and not program.is_ready():
        if process.poll() is not None:
            raise StartError(f"{program.name} ended with code {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise StartError(f"{program.name} was not ready within {timeout_s:g} s")
        pause.wait(POLL_S)
