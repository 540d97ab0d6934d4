"""Waiting on a condition with a deadline."""

import time
from collections.abc import Callable
from threading import Event

PAUSE = Event()


def until(holds: Callable[[], object], *, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not so within {timeout_s} s"
        PAUSE.wait(0.02)
