"""`bin/dev`: the whole product on one machine, in the foreground."""

import argparse
import os
import sys
from pathlib import Path

from dev.launch import launch
from dev.processes import ROOT

HIGHEST_PORT = 65535


def port(text: str) -> int:
    """Read a port number."""
    number = int(text)
    if not 1 <= number <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{number} is not between 1 and {HIGHEST_PORT}")
    return number


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/dev", description="Run BazaarLink with everything it needs.")
    parser.add_argument("--state", type=Path, default=ROOT / "var" / "dev", help="where data live (var/dev)")
    parser.add_argument("--port", type=port, default=8080, help="where it answers (8080)")
    options = parser.parse_args()
    return launch(options.state, port=options.port, environ=os.environ)


if __name__ == "__main__":
    sys.exit(main())
