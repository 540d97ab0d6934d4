"""The whole product as `bin/dev` runs it, driven from outside: HTTP, the command line, a real browser."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from dev.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_S, STOP_S = 90, 60
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Stack:
    """A running product: what its ready.json says, and ways to use it."""

    state: Path
    ready: dict[str, Any]
    process: subprocess.Popen[bytes]

    @property
    def base_url(self) -> str:
        return str(self.ready["base_url"])

    def http(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> Answer:
        """Ask the product as a program does."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data=data, headers=headers, **options)
        try:
            with urllib.request.urlopen(request, timeout=30) as got:
                return Answer(got.status, got.read().decode(), dict(got.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode(), dict(error.headers))

    def ask(self, key: str, text: str = "Say hello.", **fields: Any) -> Answer:
        """Make a chat call."""
        body = {"model": "openai/gpt-4.1-mini", "max_tokens": 20, **fields}
        body.setdefault("messages", [{"role": "user", "content": text}])
        return self.http("/api/v1/chat/completions", body, key=key)

    def bazaar(self, *words: str) -> Any:
        """Run the operator's command line against this product; its JSON answer."""
        done = self.run_bazaar(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def run_bazaar(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", "--state", str(self.state), "--json", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def eventually(check: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Wait until `check` gives something, and return it."""
    deadline, pause = time.monotonic() + within_s, Event()
    while not (found := check()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        pause.wait(0.02)
    return found


def start(state: Path) -> Stack:
    """Start the product and wait until it says that all of it answers."""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    for name in ("DATABASE_URL", "REDIS_URL", "SMTP_URL"):
        environ.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "dev", "--state", str(state), "--port", str(free_port())],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path = state / "ready.json"

    def is_ready() -> bool:
        assert process.poll() is None, f"bin/dev ended with {process.returncode}; see {state}/logs"
        return path.exists()

    eventually(is_ready, within_s=START_S, what="ready.json")
    return Stack(state, json.loads(path.read_text()), process)


def stop(stack: Stack) -> None:
    stack.process.send_signal(signal.SIGTERM)
    stack.process.wait(STOP_S)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    # Not under pytest's own directory: that is closed to the account the database runs as.
    with tempfile.TemporaryDirectory(prefix="bazaarlink-") as place:
        Path(place).chmod(0o711)
        started = start(Path(place))
        yield started
        stop(started)


# For one module at a time: while it is open, its event loop runs in this thread and no asynchronous test can.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install Debian's package chromium for the browser tests")
    from playwright.sync_api import sync_playwright  # slow to import, and only needed here

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()
