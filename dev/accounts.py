"""The account a database runs as: PostgreSQL refuses root, so a root start lends it another one."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dev.errors import StartError

NAMES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An account to change to."""

    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Say whether this account can read and pass through the path; asked of the system itself."""
        return self._may('test -r "$1" && test -x "$1"', path)

    def passes(self, path: Path) -> bool:
        """Say whether this account can get to what lies in the path, though not list it."""
        return self._may('test -x "$1"', path)

    def _may(self, test: str, path: Path) -> bool:
        probe = ["/bin/sh", "-c", test, "sh", str(path)]
        done = subprocess.run(
            probe, user=self.uid, group=self.gid, extra_groups=[], cwd="/", check=False, timeout=10
        )
        return done.returncode == 0

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)


def account_for(home: Path) -> Account | None:
    """Return whom a service with this home runs as: its owner, else a system account; None is ourselves."""
    owner = home.stat().st_uid if home.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise StartError(
                f"{home} belongs to another user (id {owner}). Start as that user, or give --state."
            )
        return None
    if owner:
        return Account(owner, home.stat().st_gid)
    for name in NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise StartError(
        f"root may not run PostgreSQL and there is no user {' or '.join(NAMES)}. Start as another user."
    )
