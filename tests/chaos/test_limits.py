"""Two hundred calls at once with money for ten: not a nano-dollar too much, and the last cent can be spent."""

import pytest

from tests.chaos.auditor import Cap
from tests.chaos.crowd import MONEY_N, MONEY_USD, rush, until_spent

KEYS = 5


def balance(accounts):
    """A wallet with that much, and keys that draw on it."""
    user = accounts.user(MONEY_USD)
    return [accounts.key(user) for _ in range(KEYS)]


def key_limit(accounts):
    """A rich wallet, and a key that may spend that much a month."""
    return [accounts.key(accounts.user(), spend_limit_n=MONEY_N)]


def org_balance(accounts):
    """An organization with that much, and a key of each of its members."""
    org = accounts.make.org(credits_usd=MONEY_USD)
    return [accounts.key(member=accounts.make.member(org)) for _ in range(KEYS)]


def member_budget(accounts):
    """A member of a rich organization who may spend that much a month, by whichever key."""
    member = accounts.make.member(accounts.make.org(credits_usd="20"), monthly_budget_n=MONEY_N)
    return [accounts.key(member=member) for _ in range(KEYS)]


def team_budget(accounts):
    """A team that may spend that much a month: by a key of its own, and by those of its members."""
    team = accounts.make.team(accounts.make.org(credits_usd="20"), monthly_budget_n=MONEY_N)
    members = [accounts.make.member(team=team) for _ in range(KEYS - 1)]
    return [accounts.key(team=team), *(accounts.key(member=member) for member in members)]


LIMITS = (balance, key_limit, org_balance, member_budget, team_budget)


@pytest.mark.parametrize("limit", LIMITS)
async def test_of_many_calls_at_once_as_many_are_served_as_there_is_money_for(rig, size, limit):
    calls = size(60, 200)
    for _ in range(size(1, 100)):
        keys = limit(rig.accounts)
        rig.caps.append(
            Cap(label=limit.__name__, keys=frozenset(str(key.id) for key, _ in keys), limit_n=MONEY_N)
        )

        secrets = [secret for _, secret in keys]
        seen = await rush(rig, secrets, calls=calls)
        await until_spent(rig, secrets, seen)  # what a call that was given up on held is free again later

        assert {one.status for one in seen} <= {200, 402, 429, 503}
