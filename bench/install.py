"""What the benchmark needs and the product does not: made once, under var/bench."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "var" / "bench"
STEP_S = 600


class Missing(Exception):
    """Something cannot be had here; the text says why. What needs it is skipped, and said so."""


def environment(name: str) -> Path:
    """The programs of an environment that holds what requirements/bench-NAME.lock says."""
    lock = ROOT / "requirements" / f"bench-{name}.lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    home = HOME / f"{name}-{digest}-{sys.version_info.major}{sys.version_info.minor}"
    if not (home / "done").exists():
        print(f"Installing {name} for the benchmark (once)...", flush=True)
        _make(home, lock)
        (home / "done").touch()
    return home / "bin"


def _make(home: Path, lock: Path) -> None:
    python, uv = str(home / "bin" / "python"), str(Path(sys.executable).with_name("uv"))
    locked = ["--require-hashes", "-r", str(lock)]
    ways = (
        # The system's certificates, as pip takes them: behind a company's proxy there are no others.
        ([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
         [uv, "pip", "install", "--quiet", "--system-certs", "--python", python, *locked]),
        ([sys.executable, "-m", "venv", "--clear", str(home)],
         [python, "-m", "pip", "install", "--quiet", *locked]),
    )  # fmt: skip
    reasons = []
    for steps in ways:
        try:
            for step in steps:
                run(step)
        except Missing as error:
            reasons.append(str(error))
        else:
            return
    raise Missing("; ".join(reasons))


def nginx() -> Path:
    """The nginx of this system, or Debian's, unpacked under var/bench: the system stays as it is."""
    places = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    if found := shutil.which("nginx", path=places):
        return Path(found)
    home = HOME / "nginx"
    program = home / "usr" / "sbin" / "nginx"
    if not program.exists():
        _unpack_nginx(home)
    run([str(program), "-v"])  # raises when a library is missing
    return program


def _unpack_nginx(home: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Missing("there is no nginx on this system; install one")
    home.mkdir(parents=True, exist_ok=True)
    try:
        run(["apt-get", "-qq", "download", "nginx"], cwd=home)
    except Missing:
        if os.geteuid() != 0:
            raise
        run(["apt-get", "-qq", "update"])  # the lists of packages may be empty or old
        run(["apt-get", "-qq", "download", "nginx"], cwd=home)
    for package in home.glob("nginx_*.deb"):
        run(["dpkg", "-x", str(package), str(home)])


def run(argv: Sequence[str], *, cwd: Path = ROOT) -> None:
    """Run one step of an installation. Raises Missing when it fails."""
    try:
        done = subprocess.run(argv, cwd=cwd, check=False, capture_output=True, text=True, timeout=STEP_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{argv[0]}: {error}") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise Missing(f"{' '.join(argv[:3])}: {said[:200]}")
