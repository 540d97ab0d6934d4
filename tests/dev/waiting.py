"""Waiting on a condition with a deadline."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

PAUSE = Event()


def until(holds: Callable[[], object], *, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not so within {timeout_s} s"
        PAUSE.wait(0.02)


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
