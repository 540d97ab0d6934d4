import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from dev.places import place
from dev.ports import free_port
from dev.postgres import Postgres, clear_stale_lock, temporary_postgres
from dev.spawn import running_alone
from tests.dev.waiting import until


@pytest.fixture(scope="module")
def server():
    with temporary_postgres() as server:
        yield server


def setting(server, name):
    with psycopg.connect(server.url) as link:
        return link.execute(f"SHOW {name}").fetchone()[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_connections", "200"),
        ("fsync", "off"),
        ("authentication_timeout", "10s"),
        ("listen_addresses", "127.0.0.1"),
        ("server_encoding", "UTF8"),
    ],
)
def test_a_test_server_has_the_settings_it_needs(server, name, value):
    found = setting(server, name)

    assert found == value


def test_a_test_server_checks_a_password_with_the_least_work(server):
    with psycopg.connect(server.url) as link:
        kept = link.execute("SELECT rolpassword FROM pg_authid WHERE rolname = current_user").fetchone()[0]

    assert kept.startswith("SCRAM-SHA-256$1:")


def test_a_wrong_password_is_refused(server):
    url = server.url.replace(server.password, "wrong")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_the_data_cannot_be_read_by_other_users(server):
    mode = server.home.home.stat().st_mode & 0o777

    assert mode == 0o700
    assert not (server.home.home / "initdb-password").exists()


def test_the_server_does_not_run_as_root(server):
    owner = Path(f"/proc/{server.pid}").stat().st_uid

    assert owner != 0


def test_after_a_kill_a_second_start_is_quick_and_keeps_the_rows(roomy_path):
    server = Postgres(place(roomy_path, "postgres"), port=free_port(), password="secret", durable=True)
    server.prepare()
    with running_alone(server.program(), timeout_s=30) as process:
        with psycopg.connect(server.url) as link:
            link.execute("CREATE TABLE kept AS SELECT 1 AS one")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(5)
        started = time.monotonic()

        server.prepare()
        with running_alone(server.program(), timeout_s=30), psycopg.connect(server.url) as link:
            took_s = time.monotonic() - started
            row = link.execute("SELECT one FROM kept").fetchone()

    assert row == (1,)
    assert took_s < 10  # nothing it had locked was waited for; 0.2 s on an idle machine


def test_the_pid_file_of_another_program_is_removed(tmp_path):
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{tmp_path}\n")

    clear_stale_lock(tmp_path)

    assert not lock.exists()


def test_while_a_process_of_the_old_server_works_its_pid_file_stays(tmp_path):
    lock = tmp_path / "postmaster.pid"
    lock.write_text("999999999\n")  # no such process: the server is gone, one of its backends is not
    backend = subprocess.Popen(["sleep", "60"], cwd=tmp_path)

    clear_stale_lock(tmp_path, timeout_s=0.2)
    stayed = lock.exists()
    backend.kill()
    backend.wait()
    clear_stale_lock(tmp_path)

    assert stayed
    assert not lock.exists()


def test_a_server_whose_starter_is_gone_is_ended_first(roomy_path):
    server = Postgres(place(roomy_path, "postgres"), port=free_port(), password="secret", durable=False)
    server.prepare()
    with running_alone(server.program(), timeout_s=30) as process:
        server.prepare()

        until(lambda: process.poll() is not None)
        assert server.pid is None
