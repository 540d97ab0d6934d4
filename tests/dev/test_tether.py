import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.tether import tethered
from tests.dev.waiting import is_running, until

STARTER = """
import subprocess, sys
from dev.tether import tethered
child = subprocess.Popen(tethered(["sleep", "60"], signal=15))
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_program_ends_with_a_starter_that_is_killed():
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    child = int(starter.stdout.readline())
    until(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n")

    starter.kill()
    starter.communicate()

    until(lambda: not is_running(child))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend another account")
def test_root_is_dropped_before_the_program_runs():
    done = subprocess.run(
        tethered(["id", "-u"], signal=9, uid=65534, gid=65534),
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
    )

    assert done.stdout == "65534\n"


def test_a_program_that_is_not_there_is_named():
    done = subprocess.run(
        check=False, args=tethered(["/no/such/program"], signal=9), capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr == "cannot run /no/such/program: No such file or directory\n"
