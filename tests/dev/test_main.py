import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("port", ["0", "65536", "many", "-1"])
def test_a_port_that_is_none_is_refused(port):
    done = subprocess.run(
        [sys.executable, "-m", "dev", f"--port={port}"], check=False, cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "--port" in done.stderr
