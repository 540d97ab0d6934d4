from dataclasses import FrozenInstanceError

import pytest


async def test_what_handlers_work_with_does_not_change_while_they_do(relay):
    with pytest.raises(FrozenInstanceError):
        relay.deps.catalog = None
