import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from dev.answers import answers_http
from dev.ports import LOOPBACK, free_port
from tests.dev.waiting import is_running, until

ROOT = Path(__file__).resolve().parents[2]
LOCKED_S = 10  # so long a start waits for what an earlier one left locked
NAMES = {"postgres", "valkey", "simulator", "mailbox", "web", "proxy", "worker", "ledger", "clock"}


class Launch:
    """A start in a process of its own."""

    def __init__(self, state, *, port=None, python=sys.executable, environ=(), **more):
        self.state, self.port = state, port or free_port()
        clean = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        self.process = subprocess.Popen(
            [python, "-m", "tests.dev.stand_in", str(state), str(self.port)],
            cwd=ROOT, env={**clean, **dict(environ)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, **more,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def ready(self):
        return json.loads((self.state / "ready.json").read_text())

    def await_ready(self):
        until(lambda: (self.state / "ready.json").exists() or self.process.poll() is not None, timeout_s=40)
        assert self.process.poll() is None, self.process.communicate()[0]
        return self.ready()


@pytest.fixture
def launch(roomy_path):
    with Launch(roomy_path / "state") as started:
        started.await_ready()
        yield started


def test_a_start_makes_a_product_that_answers(launch):
    ready = launch.ready()

    assert ready["pids"].keys() == NAMES
    assert all(is_running(pid) for pid in ready["pids"].values())
    assert ready["api_base"] == f"http://127.0.0.1:{launch.port}/api/v1"
    assert answers_http(launch.port, "/healthz")
    with psycopg.connect(ready["database_url"]) as link:
        assert link.execute("SHOW fsync").fetchone() == ("on",)
    with redis.Redis.from_url(ready["redis_url"]) as link:
        assert link.ping()


def test_what_holds_secrets_is_closed_to_others(launch):
    for name in ("env.json", "settings.json", "ready.json"):
        assert (launch.state / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["web", "postgres", "valkey"])
def test_a_killed_child_is_started_again_and_its_new_id_is_published(launch, name):
    old = launch.ready()["pids"][name]

    os.kill(old, signal.SIGKILL)

    until(lambda: launch.ready()["pids"][name] != old)
    new = launch.ready()
    assert is_running(new["pids"][name])
    assert new["pids"].keys() == NAMES
    until(lambda: name != "postgres" or can_connect(new["database_url"]))


def can_connect(url):
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_signal_stops_everything(launch):
    pids = launch.ready()["pids"].values()

    launch.process.terminate()
    output, _ = launch.process.communicate(timeout=60)

    assert launch.process.returncode == 0, output
    assert not any(is_running(pid) for pid in pids)
    assert not (launch.state / "ready.json").exists()
    assert "killed" not in output


def test_a_killed_start_leaves_no_process_and_the_next_one_is_quick(launch):
    pids = launch.ready()["pids"].values()
    launch.process.kill()
    launch.process.communicate()
    (launch.state / "ready.json").unlink()  # left behind by the killed start
    began = time.monotonic()

    with Launch(launch.state) as second:
        second.await_ready()

        assert time.monotonic() - began < LOCKED_S
        until(lambda: not any(is_running(pid) for pid in pids))


def test_a_second_start_keeps_the_data_and_the_secrets(launch):
    first = launch.ready()
    with psycopg.connect(first["database_url"]) as link:
        link.execute("CREATE TABLE kept AS SELECT 1 AS one")
    launch.process.terminate()
    launch.process.communicate(timeout=60)
    began = time.monotonic()

    with Launch(launch.state, port=launch.port) as second:
        ready = second.await_ready()
        took_s = time.monotonic() - began
        with psycopg.connect(ready["database_url"]) as link:
            assert link.execute("SELECT one FROM kept").fetchone() == (1,)

    assert took_s < LOCKED_S
    assert ready["database_url"] == first["database_url"]


def test_a_state_directory_in_use_says_who_holds_it(launch):
    with Launch(launch.state) as second:
        output, _ = second.process.communicate(timeout=60)

    assert second.process.returncode == 1
    assert f"is in use by process {launch.process.pid}" in output
    assert (launch.state / "ready.json").exists()


def test_a_port_in_use_is_said_before_anything_starts(roomy_path):
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with Launch(roomy_path / "state", port=port) as started:
            output, _ = started.process.communicate(timeout=60)

    assert started.process.returncode == 1
    assert f"Port {port} is in use" in output
    assert not (roomy_path / "state" / "postgres").exists()


def test_a_release_that_fails_shows_its_last_lines_and_stops_all(roomy_path):
    broken = {"STAND_IN_RELEASE": "print('no such table: wallets'); raise SystemExit(3)"}

    with Launch(roomy_path / "state", environ=broken) as started:
        output, _ = started.process.communicate(timeout=60)

    assert started.process.returncode == 1
    assert "release ended with code 3:\nno such table: wallets" in output


def system_python():
    """A Python of this version that an ordinary user can run; that of a private home is none."""
    name = f"/usr/bin/python3.{sys.version_info.minor}"
    return name if Path(name).exists() else None


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
@pytest.mark.skipif(system_python() is None, reason="no system Python of this version for another user")
def test_an_ordinary_user_can_start_it_too(roomy_path):
    state = roomy_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 65534, 65534)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environ = {"PYTHONPATH": packages, "HOME": str(state), "PYTHONDONTWRITEBYTECODE": "1"}

    with Launch(
        state, python=system_python(), environ=environ, user=65534, group=65534, extra_groups=[]
    ) as started:
        ready = started.await_ready()

        assert {Path(f"/proc/{pid}").stat().st_uid for pid in ready["pids"].values()} == {65534}
        assert can_connect(ready["database_url"])
