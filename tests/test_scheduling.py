import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

from tests.scheduling import first_things_first

ROOT = Path(__file__).parents[1]


def test_what_belongs_together_is_run_by_one_worker_while_another_begins_the_rest():
    together, rest = "tests/chaos/test_auditor.py", "tests/core/test_money.py"
    command = [sys.executable, "-m", "pytest", "-n", "2", "-v", together, rest]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}

    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    )

    workers = defaultdict(set)
    for worker, file in re.findall(r"^\[(gw\d)\].* PASSED (\S+?)::", done.stdout, re.MULTILINE):
        workers[file].add(worker)
    assert len(workers[together]) == 1
    assert workers[rest] - workers[together]


def test_the_long_ones_come_first_and_the_rest_keeps_its_order():
    names = [
        "tests/b.py::x",
        "tests/journeys/j.py::x",
        "tests/a.py::x",
        "tests/chaos/b.py::x",
        "tests/chaos/a.py::x",
    ]

    ordered = first_things_first([SimpleNamespace(nodeid=name) for name in names])

    assert [item.nodeid for item in ordered] == [names[3], names[4], names[1], names[0], names[2]]
