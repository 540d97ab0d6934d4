"""What calls may claim, as their proxies were told, and the promises that must hold whatever happens.

Not what counters say: what was answered. Money a call holds or was charged, tokens, points and requests.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from core.charging.calls import Call
from tests.core.counters.books import Books, Row
from tests.core.counters.oracle import day_of, days_of


@dataclass
class Claim:
    call: Call
    gen: int
    amounts: dict[str, int] = field(default_factory=dict)
    is_settled: bool = False  # its generation is over and given up: it may become less, not more


class Claims:
    def __init__(self, books: Books) -> None:
        self.books = books
        self.of: dict[UUID, Claim] = {}
        self.money: Counter[tuple[UUID, int]] = Counter()  # by wallet and generation
        self.used: Counter[tuple[str, int]] = Counter()  # by subject and day of admission; by quota and 0

    def put(self, call: Call, gen: int, **amounts: int) -> None:
        """A call has a claim on so much of each unit from now on."""
        claim = self.of.setdefault(call.request_id, Claim(call, gen))
        for unit, amount in amounts.items():
            more = amount - claim.amounts.get(unit, 0)
            if claim.is_settled and more > 0:
                continue
            claim.amounts[unit] = claim.amounts.get(unit, 0) + more
            if unit == "usd":
                self.money[call.wallet_id, claim.gen] += more
            for label in labels(call, unit):
                self.used[label] += more

    def drop(self, call: Call) -> None:
        """It never was: its answer was lost, and it is asked anew."""
        if call.request_id in self.of:
            self.put(call, 0, usd=0, tokens=0, points=0, requests=0)
            del self.of[call.request_id]

    def give_up(self, rid: UUID) -> None:
        """What is not booked by now is nobody's claim any more."""
        self.as_booked(rid)
        self.of[rid].is_settled = True

    def as_booked(self, rid: UUID) -> None:
        usd, tokens, points, requests = self.books.rows.get(rid, Row(0, (0, 0, 0, 0))).used
        claim = self.of[rid]
        self.put(claim.call, claim.gen, usd=usd, tokens=tokens, points=points, requests=requests)

    # ---- the promises

    def check_admitted(self, call: Call, gen: int) -> None:
        """A call just got money: no more is claimed than was granted, and none of its limits is passed."""
        pool = self.books.pools.get((call.wallet_id, gen))
        assert self.money[call.wallet_id, gen] <= (pool.granted - pool.returned if pool else 0), (
            "beyond the grants"
        )
        for subject in call.caller.subjects:
            if subject.limit_n is not None:
                days = days_of(subject.period, day_of(call.request_id))
                self._check_limit([(subject.name, day) for day in days], subject.limit_n, gen)
        for quota in call.caller.quotas:
            if quota.unit == "usd":
                self._check_limit([(quota.name, 0)], quota.limit, gen)

    def _check_limit(self, under: list[tuple[str, int]], limit: int, gen: int) -> None:
        if sum(self.used[label] for label in under) > limit:  # then look closer: it takes long
            total = self.most(under, gen)
            assert total <= limit, f"{under[0][0]} used {total}"

    def most(self, under: list[tuple[str, int]], gen: int) -> int:
        """What claims can come to. An old pool may have paid for a call that was swept and whose charge came late,
        with money another call was given meanwhile: all its calls together are charged no more than it has left.
        """
        total, waiting = 0, Counter[tuple[UUID, int]]()
        for rid, claim in self.of.items():
            if not set(under).isdisjoint(labels(claim.call, "usd")):
                booked = self.books.rows[rid].used[0] if rid in self.books.rows else 0
                total += booked
                waiting[claim.call.wallet_id, claim.gen] += claim.amounts.get("usd", 0) - booked
        for (wallet, number), amount in waiting.items():
            total += amount if number == gen else min(amount, self.books.payable(wallet, number))
        return total

    def check_counted(self, call: Call) -> None:
        """A call was just admitted: none of its quotas is passed."""
        for quota in call.caller.quotas:
            if quota.unit != "usd":
                assert self.used[quota.name, 0] <= quota.limit, f"{quota.name} is passed"

    def check_books(self) -> None:
        """The theorem: what is charged and what is out was credited."""
        for wallet in self.books.credited:
            assert self.books.free(wallet) >= 0, "more is charged and leased than was credited"


def labels(call: Call, unit: str | None = None) -> Iterator[tuple[str, int]]:
    """What a call is summed up under; of one unit, or all."""
    if unit in {None, "usd"}:
        day = day_of(call.request_id)
        for subject in call.caller.subjects:
            yield subject.name, day
    for quota in call.caller.quotas:
        if unit in {None, quota.unit}:
            yield quota.name, 0
