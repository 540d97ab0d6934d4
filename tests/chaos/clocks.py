"""Clocks that are wrong, for whole processes: libfaketime, loaded before everything else, shifts what they read.

The product reads the clock as every program does and knows nothing of this. Durations stay true.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

PLACES = (
    "/usr/lib/*/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/*.so.1",
)
MISSING = "libfaketime is missing (Debian: apt-get install libfaketime), so no clock can be shifted"


def libraries() -> Iterator[Path]:
    for place in PLACES:
        yield from sorted(Path("/").glob(place.removeprefix("/")))


def library() -> Path | None:
    return next(libraries(), None)


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that is so many seconds fast; slow, when negative."""

    offset_s: int = 0

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset_s)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs a program under this clock; the same, for a clock that is right.

        By `env`, not by the environment of whoever starts it: what drops root on the way must not load the
        library yet, or leaves what its own user cannot open.
        """
        if self.offset_s == 0:
            return list(argv)
        found = library()
        assert found is not None, MISSING
        settings = {
            "LD_PRELOAD": found,
            "FAKETIME": f"{self.offset_s:+d}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": 1,
            "PYTHONPATH": Path(__file__).parent / "shifted",
        }
        return ["/usr/bin/env", *(f"{name}={value}" for name, value in settings.items()), *argv]


def clear_shared(pid: int) -> None:
    """Remove what the library of a killed process left: a later process of that id could not start."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        with suppress(OSError):
            Path("/dev/shm", name).unlink()
