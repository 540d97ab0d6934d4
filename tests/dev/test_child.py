import io
import os
import signal
import sys

import pytest

from dev.child import Child, how_it_ended, next_delay
from dev.logs import Terminal
from dev.programs import Layer, Program
from tests.dev.waiting import is_running, until


@pytest.mark.parametrize(
    ("before", "lived", "after"),
    [(0, 0, 0.2), (0.2, 1, 0.4), (6.4, 1, 10), (10, 1, 10), (10, 30, 0.2), (0.4, 29.9, 0.8)],
)
def test_the_pause_doubles_and_is_short_again_after_a_settled_life(before, lived, after):
    assert next_delay(before, lived_s=lived) == after


@pytest.mark.parametrize(
    ("code", "words"),
    [(3, "ended with code 3"), (-9, "was ended by SIGKILL"), (-99, "was ended by signal 99")],
)
def test_an_end_is_told_in_words(code, words):
    assert how_it_ended(code) == words


@pytest.fixture
def terminal():
    return Terminal(io.StringIO())


def child(tmp_path, terminal, code, **more):
    argv = [sys.executable, "-c", code]
    program = Program(name="it", argv=argv, env={}, layer=Layer.BACK, **more)
    return Child(program, log=tmp_path / "it.log", terminal=terminal, on_start=lambda: None)


def finish(kept):
    kept.ask_to_stop()
    if not kept.join(5):
        kept.kill()
        assert kept.join(20)


def test_a_child_that_dies_is_started_again_and_that_is_said(tmp_path, terminal):
    kept = child(tmp_path, terminal, "import signal; print('hello', flush=True); signal.pause()")
    kept.is_starting = False
    kept.start()
    until(lambda: "hello" in kept.log.last)
    old = kept.pid

    os.kill(old, signal.SIGKILL)

    until(lambda: kept.pid != old)
    finish(kept)
    assert "it was ended by SIGKILL; starting it again in 0.2 s" in terminal.out.getvalue()


def test_output_is_kept_in_the_log_and_a_quiet_one_stays_off_the_terminal(tmp_path, terminal):
    kept = child(tmp_path, terminal, "import signal; print('hello', flush=True); signal.pause()", quiet=True)
    kept.start()

    until(lambda: "hello" in kept.log.last)

    finish(kept)
    assert (tmp_path / "it.log").read_text() == "hello\n"
    assert terminal.out.getvalue() == ""


def test_what_a_killed_child_leaves_in_its_session_goes_too(tmp_path, terminal):
    code = "import os, signal; print(os.fork(), flush=True); signal.pause()"
    kept = child(tmp_path, terminal, code)
    kept.start()
    until(lambda: len(kept.log.last) == 2)
    grandchild = max(int(line) for line in kept.log.last)

    os.kill(kept.pid, signal.SIGKILL)

    until(lambda: not is_running(grandchild))
    finish(kept)
