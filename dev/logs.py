"""The log file of one program, bounded, and the terminal all programs share."""

import os
import re
import sys
from collections import deque
from pathlib import Path
from threading import Lock
from typing import TextIO

LARGEST = 10_000_000  # bytes; one older file is kept beside it
WIDEST = 300  # characters of one line on the terminal


# Lines that say all is well: they stay in the file, so that the terminal shows what matters.
ROUTINE = re.compile(r'\[INFO\]|"level": ?"(debug|info)"')


def is_routine(line: str) -> bool:
    return ROUTINE.search(line) is not None


class LogFile:
    """Keeps a program's output, and remembers its last lines."""

    def __init__(self, path: Path, *, largest: int = LARGEST) -> None:
        self.path, self.largest = path, largest
        self.last: deque[str] = deque(maxlen=20)
        self.path.touch(mode=0o600)
        self._file = self.path.open("ab")

    def write(self, line: bytes) -> str:
        """Add a line and return it as text."""
        if self._file.tell() > self.largest:
            self._file.close()
            self.path.replace(self.path.with_name(self.path.name + ".1"))
            self.path.touch(mode=0o600)
            self._file = self.path.open("ab")
        self._file.write(line)
        self._file.flush()
        text = line.decode(errors="replace").rstrip()
        if text:
            self.last.append(text)
        return text

    def close(self) -> None:
        self._file.close()


class Terminal:
    """One line at a time, each with the name of who says it."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self.out = out
        self._lock = Lock()

    def say(self, text: str, *, name: str = "dev") -> None:
        shown = text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
        self.block(f"{name:<9} | {shown}")

    def block(self, text: str) -> None:
        with self._lock:
            try:
                print(text, file=self.out, flush=True)
            except (BrokenPipeError, OSError):
                self.out = Path(os.devnull).open("w")  # noqa: SIM115  # the reader is gone
