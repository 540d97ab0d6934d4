from pathlib import Path

import pytest

from bench import install
from bench.install import Missing, nginx, run

SYSTEM_NGINX = Path("/usr/sbin/nginx")


@pytest.fixture
def empty_path(monkeypatch, tmp_path):
    """A system on which there is nothing, and nothing was unpacked before."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(install, "HOME", tmp_path / "bench")
    return tmp_path


def program(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_failed_step_says_why():
    with pytest.raises(Missing, match=r"sh -c .*: no such package"):
        run(["sh", "-c", "echo downloading >&2; echo no such package >&2; exit 1"])


def test_a_program_that_is_not_there_is_missing():
    with pytest.raises(Missing, match="no-such-program"):
        run(["no-such-program"])


def test_the_nginx_of_the_system_is_taken(empty_path):
    program(empty_path / "nginx", "exit 0")

    assert nginx() == empty_path / "nginx"


@pytest.mark.skipif(SYSTEM_NGINX.exists(), reason="this system has an nginx")
def test_without_a_package_manager_nginx_is_missing(empty_path):
    with pytest.raises(Missing, match="there is no nginx on this system"):
        nginx()


@pytest.mark.skipif(SYSTEM_NGINX.exists(), reason="this system has an nginx")
def test_an_nginx_that_cannot_run_is_missing(empty_path):
    program(empty_path / "bench" / "nginx" / "usr" / "sbin" / "nginx", "echo no libpcre >&2; exit 127")

    with pytest.raises(Missing, match="no libpcre"):
        nginx()


def test_an_environment_that_was_made_is_used_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "HOME", tmp_path)
    made = []
    monkeypatch.setattr(install, "_make", lambda home, lock: (home.mkdir(), made.append(lock.name)))

    first = install.environment("profile")
    second = install.environment("profile")

    assert first == second
    assert made == ["bench-profile.lock"]
