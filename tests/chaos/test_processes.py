import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest

from dev.programs import Layer, Program
from tests.chaos.clocks import MISSING, Clock, library
from tests.chaos.processes import Process

SLEEPER = """
import datetime, threading, time
began = time.monotonic()
time.sleep(0.2)
threading.Event().wait(0.2)
print("started", round(time.monotonic() - began, 1), datetime.datetime.now(datetime.UTC).isoformat(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def make_process(tmp_path):
    made = []

    def make(code, clock):
        program = Program("it", [sys.executable, "-c", code], {"PATH": "/usr/bin:/bin"}, Layer.BACK)
        made.append(Process(program, log=tmp_path / "it.log", clock=clock))
        return made[-1]

    yield make
    for process in made:
        process.kill()


@pytest.mark.parametrize("offset_s", [0, -3600, 40 * 86_400])
async def test_a_process_reads_its_clock_and_waits_as_long_as_it_means_to(make_process, offset_s):
    if offset_s and library() is None:
        pytest.skip(MISSING)
    process = make_process(SLEEPER, Clock(offset_s))

    process.start()
    await process.ready()

    _, waited_s, now = process.said().decode().split()
    assert float(waited_s) >= 0.4
    assert abs(datetime.fromisoformat(now) - datetime.now(UTC) - timedelta(seconds=offset_s)) < timedelta(
        seconds=30
    )


async def test_a_process_that_ends_by_itself_has_died(make_process):
    process = make_process("print('started')", Clock())
    process.start()

    assert await asyncio.to_thread(process.child.wait, 30) == 0

    assert process.has_died
    assert "started" in process.last_words()


async def test_a_process_that_was_ended_has_not_died(make_process):
    process = make_process("import time; print('started', flush=True); time.sleep(60)", Clock())
    for _ in range(2):
        process.start()
        await process.ready()

        process.kill()

        assert (process.is_alive, process.has_died) == (False, False)
    assert process.said() == b"started\n"


async def test_a_frozen_process_does_nothing(make_process):
    code = "import time\nprint('started', flush=True)\nwhile True: print('x', flush=True), time.sleep(0.01)"
    process = make_process(code, Clock())
    process.start()
    await process.ready()

    process.send(signal.SIGSTOP)
    await asyncio.sleep(0.05)
    before = process.said()
    await asyncio.sleep(0.1)

    assert process.said() == before
