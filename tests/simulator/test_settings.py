from dataclasses import FrozenInstanceError

import pytest

from simulator.settings import Settings


def test_it_listens_on_this_machine_alone_unless_told():
    assert Settings().host == "127.0.0.1"


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Settings().port = 5
