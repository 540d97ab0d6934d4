"""Where a service keeps its data: in the state directory, or elsewhere when its account cannot go there."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.accounts import Account, account_for

ELSEWHERE = Path("/var/lib/bazaarlink")


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


@contextmanager
def temporary_place(name: str) -> Iterator[Place]:
    """Lend a place for a block of code; nothing of it is left, wherever it had to be."""
    with tempfile.TemporaryDirectory(prefix="bazaarlink-") as directory:
        Path(directory).chmod(0o711)
        lent = place(Path(directory), name)
        try:
            yield lent
        finally:
            shutil.rmtree(lent.home)
