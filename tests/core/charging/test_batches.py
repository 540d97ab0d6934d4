"""Random settlements, in random order, in random batches, some of them twice: the books are what they add up to."""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from core.charging.calls import FINAL, ORPHAN, REFUSED
from core.rules.prices import Usage

CALLS, GENS = 60, 3


@dataclass
class Oracle:
    """A wallet as plain arithmetic has it. All generations but the latest, to which nothing is posted, are over."""

    balance: int
    rows: dict = field(default_factory=dict)  # request id -> (rank, charge, tokens, points, subjects, gen)
    open_pools: set = field(default_factory=set)
    granted: dict = field(default_factory=lambda: defaultdict(int))

    @property
    def free(self):
        return self.balance - sum(max(0, self.granted[gen] - self.posted(gen)) for gen in self.open_pools)

    def posted(self, gen):
        return sum(row[1] for row in self.rows.values() if row[5] == gen)

    def book(self, key, rank, charge, tokens, points, subjects, gen):
        old_rank, old_charge = self.rows[key][:2] if key in self.rows else (-1, 0)
        if old_rank >= rank:
            return old_charge
        more = charge - old_charge
        if gen:
            room = self.granted[gen] - self.posted(gen) if gen in self.open_pools else self.free
            more = min(more, max(0, room))
        self.balance -= more
        self.rows[key] = (rank, old_charge + more, tokens, points, subjects, gen)
        return old_charge + more

    def spends(self):
        sums = defaultdict(lambda: [0, 0, 0, 0])
        for _, charge, tokens, points, (subjects, counts), gen in self.rows.values():
            for subject in subjects if charge or counts else ():
                sums[subject, gen] = [
                    a + b for a, b in zip(sums[subject, gen], (charge, tokens, points, 1), strict=True)
                ]
        return {place: tuple(numbers) for place, numbers in sums.items() if any(numbers)}


def settlements(desk, chance, gens):
    """Up to three settlements of each call: refused, orphaned, final."""
    members, teams = [uuid4(), uuid4(), None], [uuid4(), None]
    for _ in range(CALLS):
        member, team, gen = chance.choice(members), chance.choice(teams), chance.choice(gens)
        call = desk.call(1000, member_id=member, team_id=team, app_name=chance.choice(["", "app"]))
        subjects = [
            f"k:{desk.key_id}",
            *([f"m:{member}"] if member else []),
            *([f"t:{team}"] if team else []),
        ]
        for rank in chance.sample((REFUSED, ORPHAN, FINAL), chance.randrange(1, 4)):
            charge = 0 if rank == REFUSED else chance.choice([0, chance.randrange(1, 1000)])
            status = 429 if rank == REFUSED else 500 if rank == ORPHAN else chance.choice([200, 502])
            usage = Usage(input_tokens=chance.randrange(50), output_tokens=chance.randrange(50))
            points = chance.randrange(5) if rank == FINAL and (charge or status < 400) else 0
            entry = desk.entry(call, charge, gen=gen, rank=rank, points=points, status=status, usage=usage)
            tokens = usage.input_tokens + usage.output_tokens
            yield entry, (rank, charge, tokens, points, (tuple(subjects), status < 400), gen)


def told(desk):
    """What the database says was spent, in the oracle's words."""
    rows = desk.rows(
        "SELECT scope, subject_id, gen, sum(charge_n)::bigint, sum(tokens)::bigint, sum(points)::bigint, "
        "sum(requests)::bigint FROM spends GROUP BY 1, 2, 3"
    )
    return {(f"{row[0]}:{row[1]}", row[2]): tuple(row[3:]) for row in rows if any(row[3:])}


@pytest.mark.parametrize("round_", range(3))
def test_whatever_comes_however_often_adds_up(open_desk, round_):
    seed = random.randrange(2**32)  # from the seed of the run, which is in its first lines
    chance = random.Random(seed)
    desk, oracle = open_desk(30_000), Oracle(30_000)
    gens = [desk.open_generation().gen for _ in range(GENS)]
    latest = desk.open_generation().gen
    for gen in gens:  # leased as long as they were young
        desk.run(
            "INSERT INTO pools (wallet_id, gen, granted_n, posted_n, returned_n, seq, state, valid_until) "
            "VALUES (:w, :g, 5000, 0, 0, 1, 'active', now())",
            w=desk.wallet_id,
            g=gen,
        )
        desk.run("INSERT INTO leases VALUES (:w, :g, 1, 5000)", w=desk.wallet_id, g=gen)
        desk.run("UPDATE wallets SET leased_n = leased_n + 5000 WHERE id = :w", w=desk.wallet_id)
        oracle.open_pools.add(gen)
        oracle.granted[gen] = 5000
    entries = list(settlements(desk, chance, [0, *gens]))
    entries += chance.sample(entries, len(entries) // 3)
    chance.shuffle(entries)

    while entries:
        batch, entries = entries[: (size := chance.randrange(1, 20))], entries[size:]
        charges = desk.book(*(entry for entry, _ in batch))
        best = {}
        for entry, facts in batch:
            if entry.request_id not in best or facts[0] > best[entry.request_id][0]:
                best[entry.request_id] = facts
        assert charges == {key: oracle.book(key, *facts) for key, facts in best.items()}, seed
        if chance.random() < 0.3 and (old := oracle.open_pools - {latest}):
            gone = chance.choice(sorted(old))
            desk.close(gone)
            oracle.open_pools.discard(gone)
            if chance.random() < 0.7:  # what came back is soon out again
                oracle.open_pools.add(latest)
                oracle.granted[latest] += desk.lease(latest, 10**6).amount_n
        assert desk.wallet()[::2] == (oracle.balance, oracle.free), seed
    assert told(desk) == oracle.spends(), seed
    assert desk.differences() == [], seed
