import signal
import sys

import pytest

from dev.errors import StartError
from dev.programs import Layer, Program
from dev.spawn import end, running_alone, spawn

STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def program(code, **more):
    return Program(name="it", argv=[sys.executable, "-c", code], env={}, layer=Layer.BACK, **more)


def test_a_program_that_ignores_the_signal_is_killed():
    process = spawn(program(STUBBORN))
    process.stdout.readline()

    end(process, signal.SIGTERM, grace_s=0.2)
    process.stdout.close()

    assert process.returncode == -signal.SIGKILL


def test_a_program_that_dies_early_is_said_so():
    dies = program("raise SystemExit(3)", is_ready=lambda: False)

    with pytest.raises(StartError, match="it ended with code 3"), running_alone(dies, timeout_s=10):
        pass


def test_a_program_that_never_answers_is_said_so():
    hangs = program("import signal; signal.pause()", is_ready=lambda: False)

    with pytest.raises(StartError, match=r"not ready within 0\.3 s"), running_alone(hangs, timeout_s=0.3):
        pass
