import io
import signal
import sys
from threading import Event

import pytest

from dev.errors import StartError
from dev.logs import Terminal
from dev.programs import Layer, Program, Task
from dev.supervisor import GRACE_S, Stopped, Supervisor

WAIT = "import signal; signal.pause()"
TELL_END = """
import signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as out: out.write(sys.argv[2] + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
signal.pause()
"""


@pytest.fixture
def supervisor(tmp_path):
    made = Supervisor(tmp_path / "logs", terminal=Terminal(io.StringIO()), stopping=Event())
    yield made
    made.hurry.set()
    made.stop()


def program(name, code, *argv, layer=Layer.BACK, **more):
    return Program(name=name, argv=[sys.executable, "-c", code, *argv], env={}, layer=layer, **more)


def is_up(log):
    return lambda: log.exists() and "up" in log.read_text()


def test_all_fit_into_the_ten_seconds_of_a_stop():
    assert sum(GRACE_S.values()) < 10
    assert GRACE_S.keys() == set(Layer)


def test_the_front_stops_first_and_the_stores_last(supervisor, tmp_path):
    order = tmp_path / "order"
    logs = supervisor.logs
    table = [
        program(
            layer.name,
            TELL_END,
            str(order),
            layer.name,
            layer=layer,
            is_ready=is_up(logs / f"{layer.name}.log"),
        )
        for layer in Layer
    ]
    supervisor.await_ready(supervisor.begin(table))

    supervisor.stop()

    assert order.read_text().split() == ["FRONT", "BACK", "SIDE", "STORE"]


def test_a_program_that_ends_at_once_fails_the_start_with_its_last_lines(supervisor):
    begun = supervisor.begin([program("web", "raise SystemExit('no such setting')")])

    with pytest.raises(StartError, match=r"web does not start(.|\n)*no such setting"):
        supervisor.await_ready([*begun, *supervisor.begin([program("deaf", WAIT, is_ready=lambda: False)])])


def test_a_program_that_never_answers_fails_the_start(supervisor):
    begun = supervisor.begin([program("web", WAIT, is_ready=lambda: False)])

    with pytest.raises(StartError, match=r"web does not answer after 0\.2 s"):
        supervisor.await_ready(begun, timeout_s=0.2)


def test_a_patient_program_may_die_before_it_is_ready(supervisor, tmp_path):
    code = f"import os, signal; p={str(tmp_path / 'seen')!r}\nif not os.path.exists(p): open(p, 'w').close(); raise SystemExit(1)\nprint('up', flush=True); signal.pause()"
    ready = is_up(supervisor.logs / "store.log")

    supervisor.await_ready(supervisor.begin([program("store", code, is_ready=ready, patience_s=5)]))

    assert supervisor.children[0].deaths == 1


def test_a_wish_to_stop_cuts_the_start_short(supervisor):
    begun = supervisor.begin([program("web", WAIT, is_ready=lambda: False)])
    supervisor.stopping.set()

    with pytest.raises(Stopped):
        supervisor.await_ready(begun)


def task(code, tmp_path, *, timeout_s=10):
    return Task("release", [sys.executable, "-c", code], {}, tmp_path, timeout_s)


def test_a_task_that_fails_shows_its_last_lines(supervisor, tmp_path):
    with pytest.raises(StartError, match="code 3:\nno table"):
        supervisor.perform(task("print('no table'); raise SystemExit(3)", tmp_path))


def test_a_task_that_takes_too_long_is_ended(supervisor, tmp_path):
    with pytest.raises(StartError, match=r"longer than 0\.2 s"):
        supervisor.perform(task(WAIT, tmp_path, timeout_s=0.2))


def test_a_program_that_ignores_the_signal_is_killed_and_that_is_said(supervisor):
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    ready = is_up(supervisor.logs / "deaf.log")
    begun = supervisor.begin([program("deaf", code, layer=Layer.SIDE, is_ready=ready)])
    supervisor.await_ready(begun)

    supervisor.stop()

    assert begun[0].process.returncode == -signal.SIGKILL
    assert "deaf did not stop in time" in supervisor.terminal.out.getvalue()
