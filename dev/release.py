"""Brings the database up to date and plants the demo, in one process: a second interpreter costs a second."""

import os
import runpy
import sys
from pathlib import Path
from typing import Any

from dev.files import write_json

STEPS = (["migrate"], ["catalog", "load"])


def command(argv: list[str]) -> None:
    """Run the operator's command line as `python -m cli` does. Exits when it fails."""
    sys.argv = ["cli", *argv]
    try:
        runpy.run_module("cli", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise


def plant(state: Path) -> dict[str, Any]:
    """Return what the seed says of the demo: logins, ids, keys."""
    from dev.seed import seed  # late: what it imports is only needed once the migrations have run

    return seed(os.environ, state)


def main() -> None:
    state = Path(sys.argv[1])
    for argv in STEPS:
        command(argv)
    write_json(state / "demo.json", plant(state))


if __name__ == "__main__":
    main()
