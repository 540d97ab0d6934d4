"""The real scripts on a real server that is told what the time is, and the model beside them.

Every run of a script is compared: its answer, the wallet's pool, the wallet's counters. Now and then everything.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.counters.keys import bucket_keys, wallet_keys
from core.counters.requests import Request
from core.counters.script import Script
from tests.core.counters.clocked import clock_at
from tests.core.counters.oracle import DAY, Oracle, days_of, is_forgotten
from tests.core.counters.people import wallets
from tests.core.counters.wire import Wire

START = datetime(2026, 3, 30, 23, 40, tzinfo=UTC)  # a Monday; the month ends with the next day
POOL = ("free", "held", "spent", "granted", "returned", "seq", "exp", "lease")

Expected = Callable[[], list[Any]]


class World:
    def __init__(self, wire: Wire, scripts: Mapping[str, Script]) -> None:
        self.wire, self.scripts = wire, scripts
        self.us = int(START.timestamp()) * 1_000_000
        self.wallets = wallets()
        self.buckets = sorted({bucket for _, bucket in self.wallets.values()})
        self.oracle = Oracle({wallet: bucket for wallet, (_, bucket) in self.wallets.items()})
        self.keys = {wallet: wallet_keys(bucket, wallet) for wallet, (_, bucket) in self.wallets.items()}
        self.seen: Counter[str] = Counter()
        self.sent: deque[tuple[Request, Expected, UUID]] = deque(maxlen=40)
        self.wire("FLUSHALL")
        self.pass_time(0)

    @property
    def ms(self) -> int:
        return self.us // 1000

    @property
    def day(self) -> int:
        return self.ms // DAY

    def pass_time(self, us: int) -> None:
        self.us += us
        self.wire("MSET", *(word for pair in clock_at(self.us).items() for word in pair))

    def run(self, request: Request, expected: Expected, wallet: UUID, *, again: bool = False) -> list[str]:
        """Run a script: its answer, and what it leaves behind, are the model's."""
        script, keys = self.scripts[request.script.name], self.keys[wallet]
        answer, pool, sheet = self.wire.all(
            [
                ("EVALSHA", script.sha, len(request.keys), *request.keys, *request.args),
                ("HGETALL", keys.pool),
                ("HGETALL", keys.counters),
            ]
        )
        told, wanted = [word.decode() for word in answer], [str(word) for word in expected()]
        self.seen[f"{script.name} {told[0]}"] += 1
        assert told == wanted, f"{script.name} answered {told}, the model {wanted}"
        self._compare_pool(wallet, _fields(pool))
        self._compare_sheet(wallet, _fields(sheet))
        if not again:
            self.sent.append((request, expected, wallet))
        return told

    def _compare_pool(self, wallet: UUID, found: dict[str, bytes]) -> None:
        pool = self.oracle.pools.get(wallet)
        if pool is None:
            assert found == {}
            return
        assert found == {"gen": pool.gen.encode(), **{name: b"%d" % getattr(pool, name) for name in POOL}}
        assert pool.free + pool.held + pool.spent == pool.granted - pool.returned
        assert min(pool.free, pool.held, pool.spent) >= 0

    def _compare_sheet(self, wallet: UUID, found: dict[str, bytes]) -> None:
        sheet = self.oracle.sheets.get(wallet)
        if sheet is None:
            assert found == {}
            return
        assert found.pop("gen") == sheet.gen.encode()
        there = {name: int(value) for name, value in found.items() if value != b"0"}
        wanted = {name: amount for name, amount in self._sums(wallet).items() if amount}
        if there != wanted:  # but for what may be forgotten
            there, wanted = (
                {name: n for name, n in sums.items() if not is_forgotten(name, self.ms)}
                for sums in (there, wanted)
            )
        assert there == wanted, f"counters differ: {dict(there.items() ^ wanted.items())}"

    def _sums(self, wallet: UUID) -> dict[str, int]:
        sheet = self.oracle.sheets[wallet]
        sums = {"since": sheet.since, **sheet.vers}
        for key, number in sheet.running.items():
            sums[f"n:{key.hex}"] = number
        for name, days in sheet.days.items():
            for day, (spent, held) in days.items():
                sums[f"{name}@d{day}:s"], sums[f"{name}@d{day}:h"] = spent, held
                month = f"{name}@m{days_of('month', day)[0]}"
                sums[month + ":s"] = sums.get(month + ":s", 0) + spent
                sums[month + ":h"] = sums.get(month + ":h", 0) + held
        for name, (spent, held) in sheet.quotas.items():
            sums[f"{name}:s"], sums[f"{name}:h"] = spent, held
        for name, (base, until) in sheet.bases.items():
            sums[f"{name}:b"], sums[f"{name}:bx"] = base, until
        return sums

    # ---- everything

    def compare_everything(self) -> None:
        """No key is there, and none is missing, that the model does not have; their content is the model's."""
        for wallet, keys in self.keys.items():
            pool, sheet, windows = self.wire.all(
                [("HGETALL", k) for k in (keys.pool, keys.counters, keys.windows)]
            )
            self._compare_pool(wallet, _fields(pool))
            self._compare_sheet(wallet, _fields(sheet))
            self._compare_windows(wallet, _fields(windows))
            rates = _fields(self.wire("HGETALL", keys.rates))
            mine = {owner.hex: at for (whose, owner), at in self.oracle.arrivals.items() if whose == wallet}
            assert rates == {owner: b"%d" % at for owner, at in mine.items()}
        for bucket in self.buckets:
            self._compare_bucket(bucket)
        self._compare_holds()

    def _compare_windows(self, wallet: UUID, found: dict[str, bytes]) -> None:
        gen, windows = self.oracle.windows.get(wallet, ("", {}))
        assert found.get("gen", b"").decode() == gen
        for name, units in windows.items():
            for unit, ticks in units.items():
                head = int(found[f"{name}:h{unit}"])
                there = sum(amount for tick, amount in ticks.items() if tick > head - 60)
                assert int(found[f"{name}:w{unit}"]) == there

    def _compare_bucket(self, bucket: int) -> None:
        keys, oracle = bucket_keys(bucket), self.oracle
        deadlines, stones = self.wire.all(
            [("ZRANGE", keys.deadlines, 0, -1, "WITHSCORES"), ("HGETALL", keys.tombstones)]
        )
        holds = {rid: one for rid, one in oracle.holds.items() if one.call.caller.bucket == bucket}
        assert _fields(deadlines) == {
            f"{hold.call.wallet_id.hex}|{rid.hex}": b"%d" % hold.deadline for rid, hold in holds.items()
        }
        for rid, stone in _fields(stones).items():
            ended = oracle.ended[UUID(rid)]
            assert stone.decode().split("#")[:3] == [str(ended.used["usd"]), str(ended.rank), ended.gen]
        assert self.wire("XLEN", keys.stream) == len(oracle.events[bucket])

    def _compare_holds(self) -> None:
        names = [bucket_keys(hold.call.caller.bucket).hold(rid) for rid, hold in self.oracle.holds.items()]
        assert {name for name in self.wire("KEYS", "*") if b":H:" in name} == set(names)
        stones = sum(self.wire("HLEN", bucket_keys(bucket).tombstones) for bucket in self.buckets)
        assert stones == len(self.oracle.ended)
        found = self.wire.all(
            [("HMGET", name, "w", "g", "h", "t", "p", "m", "mu", "mt", "a") for name in names]
        )
        for hold, fields in zip(self.oracle.holds.values(), found, strict=True):
            call = hold.call
            wanted = (hold.amount, call.tokens, call.points, *hold.metered, hold.admitted_ms)
            assert fields == [
                call.wallet_id.hex.encode(),
                hold.gen.encode(),
                *(b"%d" % one for one in wanted),
            ]


def _fields(row: list[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(row[::2], row[1::2], strict=True)}
