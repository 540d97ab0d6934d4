"""Ties a program to its starter: it drops root when told to, asks to be ended with its starter, then runs.

Runs as a script in a bare interpreter (about 20 ms), because Python code between fork and exec is unsafe
in a program with threads.
"""

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def tethered(argv: list[str], *, signal: int, uid: int = -1, gid: int = -1) -> list[str]:
    """Return the command that runs `argv` tied to this process; `signal` ends it when this process dies."""
    # -I and -S: no site packages, no variables of the environment, so that nothing runs before us.
    own = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [*own, str(signal), str(os.getpid()), str(uid), str(gid), *argv]


def become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def tie(signal: int, starter: int) -> None:
    """Have the kernel send `signal` when the starter dies. A change of user undoes it, so it comes after."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:  # not Linux: a plain stop still works, only kill -9 of the starter leaves programs
        return
    prctl(PR_SET_PDEATHSIG, signal)
    if os.getppid() != starter:
        sys.exit("the starter is gone")


def main() -> None:
    signal, starter, uid, gid = (int(word) for word in sys.argv[1:5])
    argv = sys.argv[5:]
    if uid >= 0:
        become(uid, gid)
    tie(signal, starter)
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
