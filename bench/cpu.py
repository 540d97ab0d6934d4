"""How much processor time processes have used, by the kernel's own count. Linux only, as the benchmark is."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def children() -> dict[int, list[int]]:
    """Every process by its parent."""
    found: dict[int, list[int]] = {}
    for path in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # gone meanwhile
            # The name in parentheses may hold anything, so what follows is counted from its end.
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(path.parent.name))
    return found


def tree(root: int, by_parent: Mapping[int, list[int]]) -> list[int]:
    """A process and all that it started."""
    members = [root]
    for member in members:
        members += by_parent.get(member, ())
    return members


def process_s(pid: int, *, proc: Path = PROC) -> float:
    """Seconds of processor time of one process: to the nanosecond, where the kernel counts its threads so."""
    with suppress(OSError, ValueError):
        threads = [path.read_text() for path in (proc / str(pid) / "task").glob("*/schedstat")]
        if threads:
            return sum(int(line.split()[0]) for line in threads) / 1e9
    with suppress(OSError):
        words = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def used_s(parts: Mapping[str, int]) -> dict[str, float]:
    """Seconds of processor time of each part: a process with all that it started."""
    by_parent = children()
    return {name: sum(map(process_s, tree(root, by_parent))) for name, root in parts.items()}


def machine_s(*, proc: Path = PROC) -> float:
    """Seconds the whole machine was busy, or was kept from running by its host."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, (proc / "stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
