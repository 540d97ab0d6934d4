import os
import sys

import pytest

from bench import targets
from bench.targets import running
from dev.errors import StartError
from dev.programs import Layer, Program


@pytest.fixture(autouse=True)
def _logs(monkeypatch, tmp_path):
    monkeypatch.setattr(targets, "LOGS", tmp_path / "logs")


def program(script, is_ready=None):
    return Program("tried", [sys.executable, "-c", script], {}, Layer.SIDE, is_ready=is_ready)


def test_a_program_runs_on_its_cores_and_ends_with_the_block(tmp_path):
    cores = frozenset(sorted(os.sched_getaffinity(0))[:1])
    waiting = program("import time; print('up', flush=True); time.sleep(60)", is_ready=lambda: "up" in log())

    def log():
        return (tmp_path / "logs" / "tried.log").read_text()

    with running(waiting, cores) as pid:
        pinned = os.sched_getaffinity(pid)

    assert pinned == cores
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_start_that_fails_shows_the_end_of_the_log():
    broken = program("print('no such port'); raise SystemExit(3)", is_ready=lambda: False)

    with (
        pytest.raises(StartError, match=r"(?s)tried ended with code 3.*no such port"),
        running(broken, frozenset(os.sched_getaffinity(0))),
    ):
        pass
