"""Days, weeks, months and years that end under load: each call counts in the one it was made in, and in no other."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.accounts import EXACT, EXACT_N, EXACT_TOKENS
from tests.chaos.auditor import Cap, made_at
from tests.chaos.client import Seen, ask, call
from tests.chaos.clocks import MISSING, Clock, library
from tests.chaos.load import LONG, Load
from tests.chaos.rig import Rig, told

pytestmark = [
    pytest.mark.skipif(library() is None, reason=MISSING),
    pytest.mark.usefixtures("full_only"),
]
START_S = 40  # a rig starts in less
BEFORE_S, AFTER_S = 5, 5
CALLS = 10
CALLERS = 4  # for each key


def midnight(of, now):
    """The next midnight, UTC, that ends a month, a year or a week."""
    day = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    while not {"month": day.day == 1, "year": (day.month, day.day) == (1, 1), "week": day.weekday() == 0}[of]:
        day += timedelta(days=1)
    return day


def is_over(period, at):
    """Whether this midnight ends the day, the week or the month."""
    return {"day": True, "week": at.weekday() == 0, "month": at.day == 1}[period]


@pytest.fixture
def ends_at(request):
    return midnight(request.param, datetime.now(UTC))


@pytest.fixture
async def late_rig(tmp_path, chance, ends_at):
    """A rig of its own, all of whose clocks show the end of a period: the stores', too."""
    wanted = ends_at - timedelta(seconds=START_S)
    rig = Rig(tmp_path, chance=chance, clock=Clock(round((wanted - datetime.now(UTC)).total_seconds())))
    try:
        await rig.start()
        yield rig
    finally:
        rig.stop()


async def hammer(rig, secret, until, seen):
    """Call with a limited key until that moment, whatever the answers are."""
    number = 0
    while rig.clock.now < until:
        proxy = rig.proxies[number % len(rig.proxies)]
        number += 1
        one = Seen(proxy=proxy.url, secret=secret, model=EXACT, stream=False)
        await call(one, ask(EXACT, 1, stream=False, max_tokens=EXACT_TOKENS))
        seen.append(one)
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("ends_at", ["month", "year", "week"], indirect=True)
async def test_a_limit_holds_in_the_period_that_ends_and_anew_in_the_next(late_rig, chance, ends_at):
    rig, seen = late_rig, []
    limited = {}
    for period in ("day", "week", "month"):
        user = rig.accounts.user()
        key, secret = rig.accounts.key(user, spend_limit_n=CALLS * EXACT_N, spend_limit_period=period)
        limited[period] = secret
        keys = frozenset({str(key.id)})
        rig.caps.append(Cap(label=f"{period}, before", keys=keys, limit_n=CALLS * EXACT_N, until=ends_at))
        left_n = CALLS * EXACT_N if is_over(period, ends_at) else 0
        rig.caps.append(Cap(label=f"{period}, after", keys=keys, limit_n=left_n, since=ends_at))

    assert rig.clock.now < ends_at - timedelta(seconds=BEFORE_S), "the rig started too slowly"
    async with Load(rig, 6, chance=chance, mix=LONG):
        until = ends_at + timedelta(seconds=AFTER_S)
        await asyncio.gather(
            *(hammer(rig, secret, until, seen) for secret in limited.values() for _ in range(CALLERS))
        )
    rig.seen += seen

    findings = await rig.findings_at_rest()
    assert not findings, told(findings)
    for period, secret in limited.items():
        good = [one for one in seen if one.secret == secret and one.status == 200]
        counts = Counter(made_at(one.request_id) >= ends_at for one in good)
        assert counts == Counter({False: CALLS, True: CALLS if is_over(period, ends_at) else 0}), period
