import os

import pytest

from dev.errors import StartError
from dev.lock import held


def test_a_directory_in_use_names_its_holder(tmp_path):
    refused = pytest.raises(StartError, match=f"in use by process {os.getpid()}")

    with held(tmp_path), refused, held(tmp_path):
        pass


def test_a_directory_let_go_can_be_held_again(tmp_path):
    with held(tmp_path):
        pass

    with held(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
