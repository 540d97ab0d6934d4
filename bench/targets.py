"""What is measured, and how its programs are run: each one started here, and ended here."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.cores import on
from bench.install import HOME
from dev.errors import StartError
from dev.programs import Program
from dev.spawn import await_ready, end, spawn

RELAY = "relay"  # the part of a target that is judged; the others are what it leans on
LOGS = HOME / "logs"
START_S = 120.0
TOLD = 1500  # the end of a log that is shown when a start fails


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to send calls to. `parts` are its processes: what they start counts as theirs."""

    name: str
    version: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parts: Mapping[str, int] = field(default_factory=dict)
    booked: Callable[[], int] | None = None  # how many calls its books hold; None: it keeps none
    scripts: Callable[[], int] | None = None  # how many scripts its Valkey has run; None: it has none


@contextmanager
def running(program: Program, cores: frozenset[int]) -> Iterator[int]:
    """Run a program on these cores for a block of code. Raises StartError with the end of its log."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{program.name}.log"
    with on(cores), log.open("wb") as output:
        process = spawn(program, output=output.fileno())
    try:
        try:
            await_ready(process, program, timeout_s=START_S)
        except StartError as error:
            raise StartError(f"{error}\n{last_words(log)}") from None
        yield process.pid
    finally:
        end(process, signal.SIGTERM, grace_s=10)


def last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-TOLD:]
