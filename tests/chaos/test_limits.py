"""Two hundred calls at once with money for ten: not a nano-dollar too much, and the last cent can be spent."""

import pytest

from tests.chaos.auditor import Cap
from tests.chaos.crowd import CALLS, EXPECTED, MONEY_N, MONEY_USD, rush, served

pytestmark = pytest.mark.xdist_group("chaos")
KEYS = 5


def balance(rig):
    """A wallet with that much, and keys that draw on it."""
    user = rig.accounts.user(MONEY_USD)
    return [rig.accounts.key(user) for _ in range(KEYS)]


def key_limit(rig):
    """A rich wallet, and a key that may spend that much a month."""
    return [rig.accounts.key(rig.accounts.user(), spend_limit_n=MONEY_N)]


@pytest.mark.parametrize("limit", [balance, key_limit])
async def test_of_many_calls_at_once_as_many_are_served_as_there_is_money_for(rig, size, limit):
    for _ in range(size(1, 100)):
        keys = limit(rig)
        rig.caps.append(
            Cap(label=limit.__name__, keys=frozenset(str(key.id) for key, _ in keys), limit_n=MONEY_N)
        )

        seen = await rush(rig, [secret for _, secret in keys])

        assert served(seen) == EXPECTED
        refused = [one for one in seen if one.status != 200]
        assert len(refused) == CALLS - EXPECTED.total()
        assert {one.status for one in refused} <= {402, 429}, {one.status: one.error for one in refused}
