"""What PostgreSQL must do for the counters, in memory: wallets, their pools, and one row for each call."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

Used = tuple[int, int, int, int]  # nano-dollars, tokens, points, requests
Labels = Iterable[tuple[str, int]]  # what a call is summed up under: a name, and a day, or 0 for a quota


@dataclass
class Pool:
    granted: int = 0
    posted: int = 0
    returned: int = 0
    state: str = "active"  # then old, closed
    leases: list[int] = field(default_factory=list)
    valid_until: int = 0

    @property
    def left(self) -> int:
        return self.granted - self.posted - self.returned


@dataclass
class Row:
    rank: int
    used: Used


class Books:
    def __init__(self) -> None:
        self.credited: dict[UUID, int] = defaultdict(int)
        self.balance: dict[UUID, int] = defaultdict(int)
        self.pools: dict[tuple[UUID, int], Pool] = {}
        self.rows: dict[UUID, Row] = {}
        self.cut: set[UUID] = set()  # calls whose pool could not pay all of it
        self.spends: dict[str, dict[tuple[int, int], list[int]]] = defaultdict(
            dict
        )  # name, (day, generation)

    def credit(self, wallet: UUID, amount: int) -> None:
        self.credited[wallet] += amount
        self.balance[wallet] += amount

    def outstanding(self, wallet: UUID, *, state: str | None = None) -> int:
        """What open pools may still spend."""
        pools = (pool for (whose, _), pool in self.pools.items() if whose == wallet)
        return sum(max(0, one.left) for one in pools if one.state != "closed" and state in {None, one.state})

    def free(self, wallet: UUID) -> int:
        return self.balance[wallet] - self.outstanding(wallet)

    def grant(self, wallet: UUID, gen: int, want: int, *, valid_until: int) -> tuple[int, int]:
        """The number and amount of a new lease: of what is free, more for a call that wants more."""
        pool, free = self.pools.setdefault((wallet, gen), Pool()), self.free(wallet)
        pool.valid_until = max(pool.valid_until, valid_until)
        amount = max(0, min(free, max(4 * want, free // 20)))
        if amount:
            pool.granted += amount
            pool.leases.append(amount)
        return len(pool.leases), amount

    def post(self, rid: UUID, rank: int, used: Used, *, wallet: UUID, gen: int, labels: Labels) -> None:
        """Book an event: of a higher rank than what is booked, the difference; of the same or a lower one, nothing."""
        before = self.rows.get(rid, Row(0, (0, 0, 0, 0)))
        if before.rank >= rank:
            return
        more = min(used[0] - before.used[0], self.payable(wallet, gen))
        charge = before.used[0] + more
        if charge < used[0]:
            self.cut.add(rid)
        self.rows[rid] = Row(rank, (charge, *used[1:]))
        self._pay(wallet, gen, more)
        for name, day in labels:
            sums = self.spends[name].setdefault((day, gen), [0, 0, 0, 0])
            sums[:] = [s + n - b for s, n, b in zip(sums, self.rows[rid].used, before.used, strict=True)]

    def _pay(self, wallet: UUID, gen: int, amount: int) -> None:
        self.balance[wallet] -= amount
        pool = self.pools.get((wallet, gen))
        if pool is not None and pool.state != "closed":
            pool.posted += amount

    def payable(self, wallet: UUID, gen: int) -> int:
        """How much a call can be charged. In a live pool Redis has seen to it that it is there. When a generation
        is over, its money may be claimed by a call that was swept and by those that got what it gave back.
        """
        pool = self.pools.get((wallet, gen), Pool(state="closed"))
        if pool.state == "active":
            return 2**53
        return max(0, pool.left if pool.state == "old" else self.free(wallet))

    def take_back(self, wallet: UUID, gen: int, total: int) -> None:
        pool = self.pools[wallet, gen]
        if pool.state != "closed":
            pool.returned = max(pool.returned, total)

    def turn(self) -> None:
        """A new generation: what pools have left stays out until their calls are booked."""
        for pool in self.pools.values():
            if pool.state == "active":
                pool.state = "old"

    def close(self, wallet: UUID, gen: int) -> None:
        self.pools[wallet, gen].state = "closed"

    def earlier(self, name: str, days: Iterable[int], *, gen: int) -> list[int]:
        """What was booked under a name on these days in earlier generations."""
        rows = [sums for (day, of), sums in self.spends[name].items() if day in days and of < gen]
        return [sum(column) for column in zip(*rows, strict=True)] or [0, 0, 0, 0]
