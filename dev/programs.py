"""What the supervisor runs: programs that stay, and tasks that end."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path


class Layer(IntEnum):
    """Programs of a higher layer need those below: they are stopped first."""

    STORE = 0
    SIDE = 1
    BACK = 2
    FRONT = 3


@dataclass(frozen=True, slots=True)
class Program:
    """A program that stays."""

    name: str
    argv: list[str]
    env: Mapping[str, str] = field(repr=False)
    layer: Layer
    cwd: Path = Path("/")
    is_ready: Callable[[], bool] | None = None  # None: ready when it is alive once the others are
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM  # sent by the kernel when the supervisor is killed
    uid: int = -1
    gid: int = -1
    patience_s: float = 0  # how long it may keep dying in its first start before that is an error
    quiet: bool = False  # its output goes to its log alone, not to the terminal


@dataclass(frozen=True, slots=True)
class Task:
    """A program that ends; anything but exit code 0 is a failure."""

    name: str
    argv: list[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    timeout_s: float
