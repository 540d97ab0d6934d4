import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose virtual environment says what was asked of it instead of installing."""
    root = tmp_path / "a checkout"
    (root / ".venv" / "bin").mkdir(parents=True)
    shutil.copytree(ROOT / "bin", root / "bin")
    shutil.copytree(ROOT / "requirements", root / "requirements")
    for name in ("python", "uv"):
        program = root / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{root}/asked"\n[ ! -e "{root}/no-$1-$2-$3" ]\n')
        program.chmod(0o755)
    return root


def run(root, name="dev", *, wait=True, **environ):
    process = subprocess.Popen(
        [root / "bin" / "_venv", name],
        cwd="/",
        env={**os.environ, **environ},
        stderr=subprocess.PIPE,
        text=True,
    )
    if not wait:
        return process
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


def installs(root):
    lines = (root / "asked").read_text().splitlines()
    return [line for line in lines if line.endswith(".lock") and not line.endswith("uv.lock")]


def test_a_locked_set_is_installed_with_hashes_and_only_once(checkout):
    first = run(checkout)
    second = run(checkout)

    assert first == second == (0, "")
    (line,) = installs(checkout)
    assert line.startswith("uv pip install")
    assert "--require-hashes" in line
    assert line.endswith("dev.lock")


def test_a_changed_lock_is_installed_again(checkout):
    run(checkout)
    with (checkout / "requirements" / "dev.lock").open("a") as lock:
        lock.write("# changed\n")

    run(checkout)

    assert len(installs(checkout)) == 2


def test_a_larger_set_serves_the_smaller_one(checkout):
    run(checkout, "test")

    run(checkout, "dev")

    assert len(installs(checkout)) == 1


def test_two_callers_at_once_install_once(checkout):
    callers = [run(checkout, wait=False) for _ in range(2)]
    codes = [caller.wait(30) for caller in callers]
    for caller in callers:
        caller.stderr.close()

    assert codes == [0, 0]
    assert len(installs(checkout)) == 1


def test_without_python_of_the_right_age_it_says_what_to_do(checkout):
    (checkout / "tools").mkdir()
    for name in ("cat", "cksum", "dirname", "sh"):
        (checkout / "tools" / name).symlink_to(shutil.which(name))

    code, errors = run(checkout, PATH=str(checkout / "tools"), PYTHON="")

    assert code == 1
    assert "Python 3.11 or newer" in errors
