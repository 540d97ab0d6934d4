"""The benchmark's upstream, as a process of its own."""

import pytest

from bench.cores import ours
from bench.peers import upstream


@pytest.fixture(scope="session")
def source():
    with upstream(ours()) as started:
        yield started
