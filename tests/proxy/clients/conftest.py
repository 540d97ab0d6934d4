"""Official SDKs, each in an environment of its own, made once and kept under var/clients."""

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INSTALL_S = 300


def environment(name: str) -> Path:
    """The interpreter of an environment that holds what requirements/client-NAME.lock says; skips without one."""
    lock = ROOT / "requirements" / f"client-{name}.lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    home = ROOT / "var" / "clients" / f"{name}-{digest}-{sys.version_info.major}{sys.version_info.minor}"
    python = home / "bin" / "python"
    home.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)  # another test process may be making it
        if not (home / "done").exists():
            install(name, home, lock)
    return python


def install(name: str, home: Path, lock: Path) -> None:
    python = home / "bin" / "python"
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)],
    )
    for step in steps:
        done = subprocess.run(step, check=False, capture_output=True, text=True, timeout=INSTALL_S)
        if done.returncode != 0:
            pytest.skip(f"the {name} SDK cannot be installed here: {done.stderr.strip()[-300:]}")
    (home / "done").touch()


@pytest.fixture(scope="session")
def openai_python() -> Path:
    return environment("openai")


@pytest.fixture(scope="session")
def anthropic_python() -> Path:
    return environment("anthropic")


@pytest.fixture(scope="session")
def google_genai_python() -> Path:
    return environment("google-genai")


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a script in an SDK's environment, as a newcomer would: its own directory, its own environment."""

    def run(python: Path, script: str, *args: str) -> subprocess.Popen[str]:
        path = tmp_path / "script.py"
        path.write_text(script)
        return subprocess.Popen(
            [str(python), str(path), *args],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run
