"""What the scripts must do, said in plain Python: the model they are tried against.

It knows what a rule says and nothing of how a script does it: a state is a few dictionaries, and sums are added
up from days and ticks each time they are asked for. An answer is a list of words and numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from core.charging.calls import Call, Caller
from core.rules.scopes import Quota, Subject

DAY = 86_400_000
SIZES = {"s": 1000, "m": 60_000}
LETTERS = {"usd": "u", "tokens": "t", "points": "p", "requests": "r"}
Amounts = dict[str, int]  # by unit: usd, tokens, points, requests
Ticks = dict[str, Counter[int]]  # of a window, by its unit


@cache
def days_of(period: str, day: int) -> range:
    """The days of the period a day is in."""
    date = datetime.fromtimestamp(day * 86_400, UTC)
    if period == "month":
        first, following = day - date.day + 1, (date.replace(day=1).month % 12) + 1
        return range(first, next(n for n in range(day + 1, day + 32) if _month(n) == following))
    first = day - date.weekday() if period == "week" else day
    return range(first, first + (7 if period == "week" else 1))


def _month(day: int) -> int:
    return datetime.fromtimestamp(day * 86_400, UTC).month


def day_of(rid: UUID) -> int:
    return (rid.int >> 80) // DAY


@dataclass
class Pool:
    gen: str
    free: int = 0
    held: int = 0
    spent: int = 0
    granted: int = 0
    returned: int = 0
    seq: int = 0
    exp: int = 0
    lease: int = 0


@dataclass
class Sheet:
    """A wallet's counters in one generation: pairs are spent and held."""

    gen: str
    vers: dict[str, int] = field(default_factory=dict)
    running: Counter[UUID] = field(default_factory=Counter)
    days: dict[str, dict[int, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    quotas: dict[str, list[int]] = field(default_factory=dict)
    bases: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # and until when it is a bound; 0: it is exact

    @property
    def since(self) -> int:
        return int(self.gen.split(":")[1])

    def used(self, one: Subject | Quota, day: int) -> tuple[int, int, int]:
        """What earlier generations spent, what this one spent, and what is held: in the period the day is in."""
        base = self.bases.get(base_name(one, day), (0, 0))[0]
        if isinstance(one, Quota):
            return (base, *self.quotas.get(one.name, (0, 0)))
        days = days_of(one.period, day)
        rows = [row for when, row in self.days[one.name].items() if when in days]
        return base, sum(row[0] for row in rows), sum(row[1] for row in rows)

    def count(self, call: Call, day: int, *, held: Amounts, spent: Amounts | None = None) -> None:
        rows = [(self.days[one.name].setdefault(day, [0, 0]), "usd") for one in call.caller.subjects]
        rows += [(self.quotas.setdefault(one.name, [0, 0]), one.unit) for one in call.caller.quotas]
        for row, unit in rows:
            row[0] += (spent or {}).get(unit, 0)
            row[1] += held.get(unit, 0)


@dataclass
class Hold:
    call: Call
    gen: str
    amount: int
    admitted_ms: int
    deadline: int
    metered: list[int] = field(default_factory=lambda: [0, 0, 0])  # charge, upstream, tokens


@dataclass
class Ended:
    """A call that is over."""

    rank: int
    used: Amounts
    gen: str
    upstream: int
    call: Call | None  # None: Redis had lost it


def base_name(one: Subject | Quota, day: int) -> str:
    return one.name if isinstance(one, Quota) else f"{one.name}@{one.period[0]}{days_of(one.period, day)[0]}"


def is_forgotten(name: str, ms: int) -> bool:
    """Whether a counter's period is over for so long that it may be gone; days count in weeks, they stay longer."""
    head, _, what = name.rpartition(":")
    period = head.rpartition("@")[2]
    if what not in {"s", "h", "b", "bx"}:
        return False
    if period.isdecimal():
        return ms >= int(period) + 2 * DAY
    days = 41 if period[0] == "d" and what in "sh" else {"d": 3, "w": 9, "m": 33}[period[0]]
    return ms // DAY >= int(period[1:]) + days


class Oracle:
    """The state of Redis. Each script is a method."""

    def __init__(self, buckets: dict[UUID, int]) -> None:
        self.buckets, self.gen = buckets, ""  # no generation: Redis lost it
        self.empty()

    def empty(self) -> None:
        self.gen = ""
        self.pools: dict[UUID, Pool] = {}
        self.sheets: dict[UUID, Sheet] = {}
        self.windows: dict[UUID, tuple[str, dict[str, Ticks]]] = {}  # and of which generation
        self.arrivals: dict[tuple[UUID, UUID], int] = {}
        self.holds: dict[UUID, Hold] = {}
        self.ended: dict[UUID, Ended] = {}
        self.events: dict[int, list[tuple[Any, ...]]] = defaultdict(list)

    def snapshot(self) -> dict[str, Any]:
        calls = [one.call for one in (*self.holds.values(), *self.ended.values())]
        return deepcopy(vars(self), {id(call): call for call in calls if call is not None})

    def restore(self, snapshot: dict[str, Any]) -> None:
        vars(self).update(deepcopy(snapshot))

    # ---- admission: what may refuse a call, in the contract's order

    def admit(
        self, us: int, call: Call, *, gen: str, day: int, partial: bool, ttl: int, closed_ms: int
    ) -> list[Any]:
        ms, caller = us // 1000, call.caller
        early = self._undecided(ms, call, gen, day)
        if early:
            return early
        sheet, windows = self.sheets[caller.wallet_id], self.windows.get(caller.wallet_id, ("", {}))[1]
        owner = caller.wallet_id, caller.rpm_owner or caller.user_id
        step = 60_000_000 // caller.rpm if caller.rpm else 0
        at = max(us, self.arrivals.get(owner, 0))
        rate = [max(0, (us + step * caller.rpm - at) // step), at // 1000] if step else [0, 0]
        if step and at + step - step * caller.rpm > us:
            return ["RATE", *rate, caller.rpm, -((us + step * caller.rpm - step - at) // 1000)]
        if 0 < caller.at_once <= sheet.running[caller.key_id]:
            return ["BUSY", *rate, caller.at_once]
        if closed_ms:
            return ["GLOBAL", *rate, closed_ms]
        shadows = []
        for name, is_shadow, *trip in _trips(caller, windows, ms):
            if not is_shadow:
                return ["BREAKER", *rate, name, *trip]
            shadows.append(f"{name}|{trip[0]}|{trip[1]}|{trip[2]}")
        refusal, hold = self._fit(ms, call, sheet, day, partial=partial)
        if refusal:
            return [refusal[0], *rate, *refusal[1:]]
        self.holds[call.request_id] = Hold(call, gen, hold, ms, ms + ttl)
        used = {"usd": hold, "tokens": call.tokens, "points": call.points, "requests": 1}
        sheet.count(call, day, held=used)
        sheet.running[caller.key_id] += 1
        rate = [-1, 0]
        if step:
            self.arrivals[owner] = at + step
            rate = [(us + step * caller.rpm - at) // step - 1, (at + step) // 1000]
        pool = self.pools.get(caller.wallet_id) or Pool("")
        pool.free, pool.held = pool.free - hold, pool.held + hold
        is_low = call.want.full_n > 0 and pool.free * 2 < pool.lease
        return ["OK", *rate, hold, int(is_low), ";".join(shadows), ms]

    def _undecided(  # noqa: C901, PLR0911  # one rule after the other, in their order
        self, ms: int, call: Call, gen: str, day: int
    ) -> list[Any] | None:
        """Why nothing can be said yet, or has been said already."""
        caller, wallet = call.caller, call.wallet_id
        vers = {"w": caller.wallet_ver, f"v:{caller.key_id.hex}": caller.key_ver}
        sheet = self.sheets.get(wallet)
        if gen != self.gen:
            return ["REGEN"]
        if hold := self.holds.get(call.request_id):
            return ["OK", -1, 0, hold.amount, 0, "dup", ms] if hold.gen == gen else ["DONE"]
        if call.request_id in self.ended:
            return ["DONE"]
        if sheet is None or sheet.gen != gen or vers.keys() - sheet.vers.keys():
            return ["LOAD"]
        if any(sheet.vers[name] != ver for name, ver in vers.items()):
            return ["STALE"]
        if ms // DAY != day:
            return ["CLOCK", ms]
        for one in (*caller.subjects, *caller.quotas):
            if isinstance(one, Quota) and not _ms(one.start_at) <= ms < _ms(one.end_at):
                return ["CLOCK", ms]
            if isinstance(one, Subject) and one.limit_n is None:
                continue
            base = sheet.bases.get(base_name(one, day))
            start = _ms(one.start_at) if isinstance(one, Quota) else days_of(one.period, day)[0] * DAY
            if (base and 0 < base[1] <= ms) or (base is None and start < sheet.since):
                return ["LOAD"]
        there = self.windows.get(wallet, ("", {}))
        if any(there[0] != gen or fuse.name not in there[1] for fuse in caller.fuses):
            return ["LOAD"]
        return None

    def _fit(  # noqa: C901
        self, ms: int, call: Call, sheet: Sheet, day: int, *, partial: bool
    ) -> tuple[list[Any] | None, int]:
        """Quotas, limits, the wallet, the quotas of a session: what refuses, or how much is held."""
        caller, want = call.caller, call.want
        pool, room = self.pools.get(caller.wallet_id) or Pool(""), [int(want.full_n)]
        least = min(max(want.floor_n, 1), want.full_n)
        need = {"tokens": call.tokens, "points": call.points, "requests": 1}

        def hold() -> int:
            return next((size for size in (want.full_n, want.slice_n) if min(room) >= size), min(room))

        def short(one: Subject | Quota) -> list[Any] | None:
            limit, unit = (one.limit, one.unit) if isinstance(one, Quota) else (one.limit_n, "usd")
            if limit is None:
                return None
            base, spent, held = sheet.used(one, day)
            left, until = limit - base - spent - held, sheet.bases.get(base_name(one, day), (0, 0))[1]
            if unit == "usd":
                room.append(left)
            if (unit == "usd" and (want.full_n == 0 or left >= least)) or left >= need.get(unit, left + 1):
                return None
            if until:
                return ["SETTLING", until - ms]
            end = _ms(one.end_at) if isinstance(one, Quota) else (days_of(one.period, day)[-1] + 1) * DAY
            return ["LIMIT", one.name, LETTERS[unit], limit, base + spent, held, end]

        def purse() -> list[Any] | None:
            if pool.gen != self.gen or ms >= pool.exp:
                return ["NOLEASE", "none" if pool.gen != self.gen else "expired"]
            if pool.free < hold():
                if not partial:
                    return ["NOLEASE", "short"]
                if pool.free < least:
                    return ["SHORT", pool.free, pool.held]
            room.append(pool.free)
            return None

        first = [one for one in caller.quotas if not one.is_last]
        for one in (*first, *caller.subjects):
            if refusal := short(one):
                return refusal, 0
        if want.full_n and (refusal := purse()):
            return refusal, 0
        for one in caller.quotas:
            if one.is_last and (refusal := short(one)):
                return refusal, 0
        return None, hold() if want.full_n else 0

    # ---- while a call runs

    def checkpoint(self, ms: int, call: Call, metered: tuple[int, int, int], *, ttl: int) -> list[Any]:
        hold = self.holds.get(call.request_id)
        if hold is None:
            return ["GONE"]
        burnt = metered[1] - hold.metered[1]
        hold.metered = [max(pair) for pair in zip(hold.metered, metered, strict=True)]
        hold.deadline = ms + ttl
        self._burn(ms, hold.call, burnt)
        return ["OK"]

    def extend(self, ms: int, call: Call, more: int, *, partial: bool) -> list[Any]:
        hold, pool = self.holds.get(call.request_id), self.pools.get(call.wallet_id)
        if not self.gen or hold is None:
            return ["GONE" if self.gen else "REGEN"]
        if hold.gen != self.gen or pool is None or pool.gen != self.gen:
            return ["OK", 0, 0]
        if ms >= pool.exp:
            return ["NOLEASE", "expired"]
        allowed = self._room(hold.call, more)
        if pool.free < allowed and not partial:
            return ["NOLEASE", "short"]
        added = min(allowed, pool.free)
        hold.amount, pool.free, pool.held = hold.amount + added, pool.free - added, pool.held + added
        self.sheets[call.wallet_id].count(hold.call, day_of(call.request_id), held={"usd": added})
        return ["OK", added, int(pool.free * 2 < pool.lease)]

    def _room(self, call: Call, most: int) -> int:
        """How much more money a running call may take, of so much and what its limits leave."""
        sheet, day = self.sheets[call.wallet_id], day_of(call.request_id)
        limits: list[tuple[Subject | Quota, int | None]] = [
            (one, one.limit_n) for one in call.caller.subjects
        ]
        limits += [(one, one.limit) for one in call.caller.quotas if one.unit == "usd"]
        return max(0, min([most, *(n - sum(sheet.used(one, day)) for one, n in limits if n is not None)]))

    def _burn(self, ms: int, call: Call, upstream: int) -> None:
        windows = self.windows.get(call.wallet_id, ("", {}))[1]
        for fuse in call.caller.fuses:
            if upstream > 0 and fuse.name in windows:
                for unit, size in SIZES.items():
                    ticks = windows[fuse.name][unit]
                    ticks[max(ms // size, *ticks)] += upstream  # a clock that goes back changes no window

    # ---- how it ends

    def settle(
        self, ms: int, rid: UUID, wallet: UUID, *, gen: str, upstream: int, told: int, used: Amounts
    ) -> list[Any]:
        hold, before = self.holds.get(rid), self.ended.get(rid)
        if not self.gen:
            return ["REGEN"]
        if hold is not None:
            usd = self._payable(hold.call, hold.gen, used["usd"], mine=hold.amount, told=told)
            return self._end(ms, hold, 2, upstream, {**used, "usd": usd})
        if (
            before is None
        ):  # of another generation its money waits; of this one it was swept, and that is forgotten
            pool, usd = self.pools.get(wallet), min(used["usd"], told)
            if gen == self.gen:
                usd = min(usd, pool.free) if pool and pool.gen == gen else 0
                pool = pool or Pool("")
                pool.free, pool.spent = pool.free - usd, pool.spent + usd
            return self._event("NOHOLD", rid, wallet, Ended(2, {**used, "usd": usd}, gen, upstream, None))
        if before.rank == 2 or before.call is None:
            return ["DUP", before.used["usd"]]
        usd = self._payable(before.call, before.gen, used["usd"], mine=before.used["usd"], told=told)
        now = Ended(2, {**used, "usd": usd}, before.gen, upstream, before.call)
        more = {unit: now.used[unit] - before.used[unit] for unit in now.used}
        self._move(before.call, before.gen, spent=more, held={})
        self._burn(ms, before.call, upstream - before.upstream)
        return self._event("ADJUST", rid, wallet, now)

    def sweep(self, ms: int, rid: UUID) -> list[Any]:
        hold, ended = self.holds.get(rid), self.ended.get(rid)
        if not self.gen:
            return ["REGEN"]
        if hold is None:
            return ["DUP", ended.used["usd"]] if ended else ["GONE"]
        if hold.deadline > ms:
            return ["HEARD"]
        charge, upstream, tokens = hold.metered
        paid = min(charge, hold.amount)  # what cost nothing and answered nobody is part of no sum
        used = {"usd": paid, "tokens": tokens if paid else 0, "points": 0, "requests": int(paid > 0)}
        return self._end(ms, hold, 1, upstream, used)

    def _end(self, ms: int, hold: Hold, rank: int, upstream: int, used: Amounts) -> list[Any]:
        call = hold.call
        held = {"usd": -hold.amount, "tokens": -call.tokens, "points": -call.points, "requests": -1}
        if self._move(call, hold.gen, spent=used, held=held):
            self.sheets[call.wallet_id].running[call.key_id] -= 1
        self._burn(ms, call, upstream - hold.metered[1])
        del self.holds[call.request_id]
        return self._event("OK", call.request_id, call.wallet_id, Ended(rank, used, hold.gen, upstream, call))

    def _move(self, call: Call, gen: str, *, spent: Amounts, held: Amounts) -> bool:
        """In the pool and the counters, as far as they are of the call's generation; says whether counters are."""
        pool, sheet = self.pools.get(call.wallet_id), self.sheets.get(call.wallet_id)
        if pool is not None and pool.gen == self.gen == gen:
            pool.held, pool.spent = pool.held + held.get("usd", 0), pool.spent + spent["usd"]
            pool.free -= spent["usd"] + held.get("usd", 0)
        if sheet is None or not sheet.gen == self.gen == gen:
            return False
        sheet.count(call, day_of(call.request_id), held=held, spent=spent)
        return True

    def _payable(self, call: Call, gen: str, charge: int, *, mine: int, told: int) -> int:
        """The charge; above what is the call's own only what nobody else holds."""
        pool, sheet = self.pools.get(call.wallet_id), self.sheets.get(call.wallet_id)
        if gen != self.gen:  # what it held is in a pool that waits for it
            return min(charge, max(mine, told))
        if charge <= mine or pool is None or sheet is None or not pool.gen == sheet.gen == gen:
            return min(charge, mine)
        return mine + self._room(call, min(charge - mine, pool.free))

    def _event(self, word: str, rid: UUID, wallet: UUID, ended: Ended) -> list[Any]:
        self.ended[rid], usd = ended, ended.used["usd"]
        self.events[self.buckets[wallet]].append((rid.hex, wallet.hex, ended.gen, str(ended.rank), usd))
        return [word, usd]

    def forget(self, us: int) -> None:
        """What is over for two days: calls, and arrivals that have come to pass."""
        ms = us // 1000
        self.ended = {rid: one for rid, one in self.ended.items() if (rid.int >> 80) >= ms - 2 * DAY}
        self.arrivals = {owner: at for owner, at in self.arrivals.items() if at >= us}
        for sheet in self.sheets.values():
            sheet.bases = {
                name: base for name, base in sheet.bases.items() if not is_forgotten(name + ":b", ms)
            }

    # ---- money and facts from PostgreSQL

    def grant(self, ms: int, wallet: UUID, *, gen: str, seq: int, amount: int, valid: int) -> list[Any]:
        if gen != self.gen:
            return ["REGEN"]
        pool = self.pools.get(wallet)
        if pool is None or pool.gen != gen:
            pool = self.pools[wallet] = Pool(gen)
        if seq > pool.seq + 1:
            return ["GAP", pool.seq]
        pool.exp = max(pool.exp, ms + valid)
        if seq <= pool.seq:
            return ["KEPT", pool.seq]
        pool.seq, pool.lease = seq, amount
        pool.free, pool.granted = pool.free + amount, pool.granted + amount
        return ["OK", seq]

    def recall(self, wallet: UUID, *, gen: str, want: int) -> list[Any]:
        pool = self.pools.get(wallet)
        if gen != self.gen:
            return ["REGEN"]
        if pool is None or pool.gen != gen:
            return ["OK", 0]
        give = min(pool.free, want)
        if give:
            pool.free, pool.returned, pool.lease = pool.free - give, pool.returned + give, 0
            self.events[self.buckets[wallet]].append(("", wallet.hex, gen, "return", pool.returned))
        return ["OK", give]

    def bump(self, wallet: UUID, name: str, ver: int) -> list[Any]:
        if not self.gen:
            return ["REGEN"]
        if wallet not in self.sheets or self.sheets[wallet].gen != self.gen:
            self.sheets[wallet] = Sheet(self.gen)
        vers = self.sheets[wallet].vers
        vers[name] = max(vers.get(name, 0), ver)
        return ["OK"]

    def load(
        self,
        ms: int,
        caller: Caller,
        *,
        gen: str,
        bases: Iterable[tuple[str, int]],
        holds_ms: int,
        lately: dict[str, Ticks],
    ) -> list[Any]:
        if gen != self.gen:
            return ["REGEN"]
        wallet = caller.wallet_id
        self.bump(wallet, "w", caller.wallet_ver)
        self.bump(wallet, f"v:{caller.key_id.hex}", caller.key_ver)
        known = self.sheets[wallet].bases
        for name, base in bases:
            if name not in known or known[name][1]:
                known[name] = (base, ms + holds_ms if holds_ms else 0)
        if self.windows.get(wallet, ("",))[0] != gen:
            self.windows[wallet] = (gen, {})
        for name, ticks in lately.items():
            if name not in self.windows[wallet][1]:
                self.windows[wallet][1][name] = known = deepcopy(ticks)
                for unit, size in SIZES.items():
                    known[unit][ms // size] += 0  # it begins here
        return ["OK"]


def _trips(caller: Caller, windows: dict[str, Ticks], ms: int) -> Iterator[tuple[Any, ...]]:
    """The breakers that are open: name, whether it is but a shadow, window, sum, limit, how long it stays so."""
    for fuse in caller.fuses:
        for unit, name, limit in (("s", "minute", fuse.minute_n), ("m", "hour", fuse.hourly_n)):
            ticks, now = windows[fuse.name][unit], ms // SIZES[unit]
            total = within(ticks, now)
            if total >= limit:
                at = max(now, *ticks)  # the clock may have been ahead when it was written
                wait = next((n for n in range(1, 60) if within(ticks, at + n) < limit), 60)
                yield fuse.name, fuse.is_shadow, name, total, limit, (at + wait) * SIZES[unit] - ms
                break


def within(ticks: Counter[int], now: int) -> int:
    """The sum of a window of sixty ticks that ends now."""
    return sum(amount for tick, amount in ticks.items() if tick > now - 60)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
