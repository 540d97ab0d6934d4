import subprocess
import sys

import pytest

from dev.errors import StartError
from dev.processes import ROOT
from dev.screenshot import browser_path


def test_without_a_running_product_it_says_what_to_start(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dev.screenshot", "--state", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == f"bin/screenshot: Nothing runs on {tmp_path}. Start bin/dev first.\n"


def test_without_a_browser_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(StartError, match="install one of chromium"):
        browser_path()
