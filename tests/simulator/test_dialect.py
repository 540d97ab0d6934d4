import inspect

import pytest

from simulator.dialect import Dialect
from simulator.dialects import openai

NAMES = [name for name, _ in inspect.getmembers(Dialect, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", NAMES)
def test_openai_offers_what_a_dialect_must(name):
    wanted = inspect.signature(getattr(Dialect, name))
    offered = inspect.signature(getattr(openai, name))

    assert list(offered.parameters) == list(wanted.parameters)[1:]
