"""Where a service keeps its data: in the state directory, or elsewhere when its account cannot go there."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.accounts import Account, account_for

ELSEWHERE = Path("/var/lib/bazaarlink")
MEMORY = Path("/dev/shm")  # noqa: S108  # a file system of its own, in which only private directories are made
ROOM = 2 * 1024**3  # of a server whose data need not outlive it; containers are often given 64 MB


@dataclass(frozen=True, slots=True)
class Place:
    """A directory of one service, owned by the account that runs it (None: ourselves)."""

    home: Path
    account: Account | None

    @property
    def ids(self) -> tuple[int, int]:
        """User and group id for `dev.tether`; -1 keeps ours."""
        return (self.account.uid, self.account.gid) if self.account else (-1, -1)


def place(state: Path, name: str, *, elsewhere: Path = ELSEWHERE) -> Place:
    """Make and return the service's directory. One outside the state directory is recorded in NAME.place."""
    state.mkdir(mode=0o711, parents=True, exist_ok=True)
    record = state / f"{name}.place"
    home = Path(record.read_text().strip()) if record.exists() else state.resolve() / name
    account = account_for(home)
    if account and not home.exists() and not account.passes(state.resolve()):
        home = elsewhere / hashlib.sha256(bytes(state.resolve())).hexdigest()[:12] / name
        account = account_for(home)
        record.write_text(f"{home}\n")
    home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    if account:
        account.own(home)
    return Place(home, account)


def in_memory(memory: Path = MEMORY, *, room: int = ROOM) -> Path | None:
    """The directory whose files are on no disk, where there is one with room."""
    if os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free >= room:
        return memory
    return None


@contextmanager
def temporary_place(name: str, *, within: Path | None = None) -> Iterator[Place]:
    """Lend a place for a block of code; nothing of it is left, wherever it had to be."""
    with tempfile.TemporaryDirectory(prefix="bazaarlink-", dir=within) as directory:
        Path(directory).chmod(0o711)
        lent = place(Path(directory), name)
        try:
            yield lent
        finally:
            shutil.rmtree(lent.home)
