"""Official SDKs, each in an environment of its own, made once and kept under var/clients."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "requirements"
SCRIPTS = Path(__file__).with_name("scripts")
INSTALL_S = 150  # a test may wait for another process to give up, and then for itself
OLDEST_NODE = 20


@cache
def faults() -> dict[str, str]:
    """Why environments could not be made in this process, by name: they are not tried again."""
    return {}


def kept(name: str, locked: Path, steps: Callable[[Path], list[list[str]]]) -> Path:
    """The directory of an environment that holds what a lock says; skips where it cannot be had."""
    digest = hashlib.sha256(locked.read_bytes()).hexdigest()[:12]
    home = ROOT / "var" / "clients" / f"{name}-{digest}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)  # another test process may be making it
        if not (home / "done").exists() and name not in faults():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            for step in steps(home):
                run_step(name, step)
            if name not in faults():
                (home / "done").touch()
    if name in faults():
        pytest.skip(f"the environment {name} cannot be made here: {faults()[name]}")
    return home


def run_step(name: str, step: list[str]) -> None:
    if name in faults():
        return
    try:
        done = subprocess.run(step, check=False, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        faults()[name] = f"it took longer than {INSTALL_S} s"
    else:
        if done.returncode != 0:
            faults()[name] = " ".join(done.stderr.split())[:300]


def environment(name: str) -> Path:
    """The interpreter of an environment that holds what requirements/client-NAME.lock says."""
    locked = REQUIREMENTS / f"client-{name}.lock"
    uv = str(Path(sys.executable).with_name("uv"))

    def steps(home: Path) -> list[list[str]]:
        made = [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(home)]
        into = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--system-certs",
            "--compile-bytecode",
            "--python",
            str(home / "bin" / "python"),
        ]
        return [made, [*into, "--require-hashes", "-r", str(locked)]]

    version = f"{sys.version_info.major}{sys.version_info.minor}"
    return kept(f"{name}-{version}", locked, steps) / "bin" / "python"


def npm_environment(name: str) -> Path:
    """The directory that holds what requirements/client-NAME/package-lock.json says."""
    source = REQUIREMENTS / f"client-{name}"
    if shutil.which("npm") is None or node_version() < OLDEST_NODE:
        pytest.skip(f"the environment {name} needs npm, and Node {OLDEST_NODE} or newer")

    def steps(home: Path) -> list[list[str]]:
        shutil.copytree(source, home, dirs_exist_ok=True)
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        return [["npm", "ci", *quiet, "--prefix", str(home)]]

    return kept(name, source / "package-lock.json", steps)


def node_version() -> int:
    """The first number of Node's version; 0 where there is none."""
    if shutil.which("node") is None:
        return 0
    told = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True, timeout=30)
    return int(told.stdout.removeprefix("v").split(".")[0])


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
        return started([str(python), str(path), *args], tmp_path)

    return run


@pytest.fixture
def run_client(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts one of `scripts` in the environment of a client, whichever its language."""

    def run(name: str, script: str, *args: str) -> subprocess.Popen[str]:
        if not script.endswith(".mjs"):
            return started([str(environment(name)), str(SCRIPTS / script), *args], tmp_path)
        # A module is looked for beside the script, then above it.
        (tmp_path / "node_modules").symlink_to(npm_environment(name) / "node_modules")
        path = shutil.copy(SCRIPTS / script, tmp_path)
        return started([str(shutil.which("node")), path, *args], tmp_path)

    return run


def started(command: list[str], home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "NO_PROXY": "127.0.0.1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
