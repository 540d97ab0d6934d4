"""Small private files, written whole or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file in one step; only its owner can read it."""
    half = path.with_name(path.name + ".half")
    half.unlink(missing_ok=True)
    half.touch(mode=0o600, exist_ok=False)
    with half.open("w") as out:
        json.dump(content, out, indent=2)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    half.rename(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the file's object, empty when there is no file."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text())
    return content
