"""What Redis says of a wallet's money, held against itself and against PostgreSQL."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from uuid import UUID

from core.charging.accounts import Account, Accounts
from core.charging.proof import Difference
from core.counters.views import Back, Underway, View, underway
from core.ids import hour_of
from core.rules.periods import DAY_MS, Period, span_of

ADDS_UP = "a pool in Redis adds up to what it was granted"
HOLDS = "what a pool in Redis holds is the sum of its calls' holds"
DEADLINES = "every deadline in Redis is that of a call"
COUNTERS_HOLD = "what counters hold is the sum of their calls' holds"
GRANTED = "what a pool in Redis was granted is the sum of its leases"
RETURNED = "what Redis returned was taken back or is on its way"
SPENT = "what a pool in Redis spent was posted or is on its way"
COUNTERS_SPENT = "what counters spent was booked or is on its way"
BASES = "what counters begin with is what was booked before them"
CHECKS = (ADDS_UP, HOLDS, DEADLINES, COUNTERS_HOLD, GRANTED, RETURNED, SPENT, COUNTERS_SPENT, BASES)

PERIODS: Mapping[str, Period] = {"d": "day", "w": "week", "m": "month"}
FIELD = re.compile(r"([kmt]:[0-9a-f]{32})@([dwm])(\d{1,6}):[sb]")


def proved_alone(view: View) -> Iterator[Difference]:
    """What does not add up within Redis: exact, whatever goes on meanwhile."""
    purse, wallet = view.purse, str(view.wallet_id)
    inside_n = purse.free_n + purse.held_n + purse.spent_n
    yield from _differ(ADDS_UP, wallet, purse.granted_n - purse.returned_n, inside_n)
    yield from _differ(DEADLINES, wallet, 0, view.lost)
    if not view.is_crowded:
        yield from _differ(HOLDS, wallet, view.holds_n, purse.held_n)
    for name, expected, found in view.odd:
        yield from _differ(COUNTERS_HOLD, f"{wallet} {name}", expected, found)


def proved_against(view: View, accounts: Accounts, *, gen: str) -> Iterator[Difference]:
    """Where Redis and PostgreSQL differ: exact for a wallet that did not move between the two looks."""
    if view.is_behind:
        return
    purse, wallet, account = view.purse, str(view.wallet_id), accounts.of[view.wallet_id]
    aside = (event for fields in account.aside for event in underway(fields))
    events = [event for event in (*view.events, *aside) if event.gen == gen]
    totals = [event.total_n for event in events if isinstance(event, Back)]
    coming = _coming([event for event in events if isinstance(event, Underway)], accounts)
    yield from _differ(GRANTED, wallet, account.leased_n, purse.granted_n)
    yield from _differ(RETURNED, wallet, max(account.returned_n, *totals, 0), purse.returned_n)
    posted_n = account.posted_n + sum(more_n for _, more_n in coming)
    yield from _differ(SPENT, wallet, posted_n, purse.spent_n)
    if view.is_counting:
        yield from _counters(view, account, accounts, coming)


def days_of(name: str) -> tuple[str, range] | None:
    """Whose counter a field is, and of which days since 1970. None: of no subject with a budget."""
    field = FIELD.fullmatch(name)
    if field is None:
        return None
    span = span_of(PERIODS[field[2]], int(field[3]) * DAY_MS)
    return field[1], range(span.start_ms // DAY_MS, span.end_ms // DAY_MS)


def _coming(events: list[Underway], accounts: Accounts) -> list[tuple[Underway, int]]:
    """By how much each event will change what is booked of its call: the highest rank counts."""
    latest: dict[UUID, Underway] = {}
    for event in events:
        known = latest.get(event.request_id)
        if known is None or event.rank > known.rank:
            latest[event.request_id] = event
    coming = []
    for event in latest.values():
        rank, charge_n = accounts.booked.get(event.request_id, (0, 0))
        if event.rank > rank:
            coming.append((event, event.charge_n - charge_n))
    return coming


def _counters(
    view: View, account: Account, accounts: Accounts, coming: list[tuple[Underway, int]]
) -> Iterator[Difference]:
    more: dict[tuple[str, int], int] = defaultdict(int)
    for event, more_n in coming:
        for name in event.names:
            more[name, int(hour_of(event.request_id).timestamp() * 1000) // DAY_MS] += more_n
    wallet = str(view.wallet_id)
    for field, found in view.spent.items():
        if (place := days_of(field)) is not None:
            name, days = place
            expected = sum(accounts.spent.get((name, day), 0) + more.get((name, day), 0) for day in days)
            yield from _differ(COUNTERS_SPENT, f"{wallet} {field}", expected, found)
    for field, found in view.bases.items():
        if (place := days_of(field)) is not None:
            name, days = place
            expected = sum(accounts.before.get((name, day), 0) for day in days)
            yield from _differ(BASES, f"{wallet} {field}", expected, found)
    for (name, day), spent_n in accounts.spent.items():  # of keys that called lately
        field = f"{name}@d{day}:s"
        if name in account.keys and day >= view.ms // DAY_MS - 1 and field not in view.spent:
            yield from _differ(COUNTERS_SPENT, f"{wallet} {field}", spent_n, 0)


def _differ(check: str, subject: str, expected: int, found: int) -> Iterator[Difference]:
    if expected != found:
        yield Difference(check, subject, expected, found)
