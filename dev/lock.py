"""One start per state directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.errors import StartError


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Hold the state directory. The kernel lets go when we die, however that comes."""
    path = state / "lock"
    path.touch(mode=0o600)
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read().strip() or "another process"
            raise StartError(
                f"{state} is in use by process {holder}. Stop it (kill {holder}), or give another --state."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
