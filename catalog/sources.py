"""Where the catalogue's facts come from. Raise version and day together, then run the script again."""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

LITELLM_VERSION = "1.109.1"
AS_OF = "2026-11-21"
_TABLE = "litellm/model_prices_and_context_window_backup.json"


def fetch_litellm(version: str) -> dict[str, Any]:
    """Download litellm's wheel, without installing it, and read its price table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, f"litellm=={version}"], check=True)
        [wheel] = Path(folder).glob("litellm-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return read_table(archive.read(_TABLE))


def read_table(text: bytes | str) -> dict[str, Any]:
    """Parse the table; numbers with a point become Decimals as they are written, never floats."""
    table: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return table


def source_lines(litellm_version: str, genai_version: str) -> list[Mapping[str, str]]:
    """Name the sources with version and licence, as the catalogue states them."""
    return [
        {"name": "litellm", "version": litellm_version, "license": "MIT"},
        {"name": "genai-prices", "version": genai_version, "license": "MIT"},
    ]
