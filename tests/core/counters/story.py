"""What proxies, the ledger, PostgreSQL and bad luck do to the counters, one thing at a time.

Who decides which, a seed or Hypothesis, is a `Chooser`. After every step the promises hold (see `Claims`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

from msgspec import Raw

from core.charging.bases import Bases, Window
from core.charging.calls import Call, Caller, Progress
from core.counters import loads, requests, trims
from core.counters.keys import bucket_keys
from core.counters.requests import Settlement, Terms
from core.counters.script import Script
from core.counters.trims import PATTERN
from core.money import Nanos
from core.rules.admission import Want
from core.rules.prices import Cost
from tests.core.counters.books import Books
from tests.core.counters.claims import Claims, labels
from tests.core.counters.clocked import SCRIPTS
from tests.core.counters.oracle import DAY, SIZES, Ticks, base_name, day_of, days_of
from tests.core.counters.people import Chooser, callers, with_windows_of
from tests.core.counters.wire import Wire
from tests.core.counters.world import START, World

TTL, VALID = 60_000, 90_000
LONGEST = 3_600_000  # no call runs longer
BOUND = 2000
BOOT = UUID(int=1)
ALL = 2**52


@dataclass
class Run:
    """A call as its proxy sees it."""

    call: Call
    gen: str
    hold: int


class Story(World):
    """`faults` are mistakes of ours it is told with, to see that they would be found."""

    def __init__(
        self,
        wire: Wire,
        choose: Chooser,
        *,
        scripts: Mapping[str, Script] = SCRIPTS,
        books: Callable[[], Books] = Books,
        faults: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(wire, scripts)
        self.faults, self.books = faults, books()
        self.claims = Claims(self.books)
        self.numbers, self.ids = count(1), count(1)
        self.callers = {caller.key_id: caller for caller in callers(self.ms, choose)}
        self.remembered: list[Caller] = []  # older versions, as proxies remember them
        self.running: dict[UUID, Run] = {}
        self.unanswered: dict[UUID, Call] = {}  # asked; the answer was lost
        self.spool: dict[UUID, Settlement] = {}
        self.answers: dict[UUID, set[int]] = {}  # what settling a call came to
        self.swept: set[UUID] = set()
        self.barred: set[tuple[UUID, int]] = set()  # pools that were closed as all their calls were booked
        self.gen = ""  # as everybody but Redis knows it
        for wallet, (scale, _) in self.wallets.items():
            self.books.credit(wallet, choose.pick((100, 1000)) * scale)
        self.copy: tuple[list[Any], dict[str, Any]] | None = None
        self.turn()

    @property
    def number(self) -> int:
        return int(self.gen.partition(":")[0])

    def some(self, calls: Mapping[UUID, Any], choose: Chooser) -> UUID:
        """One of a few: mostly of the latest."""
        ids = list(calls)
        return ids[choose.number(0 if choose.chance(40) else max(0, len(ids) - 8), len(ids) - 1)]

    # ---- calls

    def admit(self, choose: Chooser) -> None:
        """A new call, by what its proxy knows of the caller: now and then that is out of date."""
        caller = choose.pick(list(self.callers.values()))
        if self.remembered and choose.chance(4):
            caller = choose.pick(self.remembered)
        elif choose.chance(90):
            caller = self._up_to_date(caller.key_id)
        call = self._call(caller, choose)
        if self._ask(call, choose) == "OK" and choose.chance(4):
            self.unanswered[call.request_id] = self.running.pop(call.request_id).call

    def _up_to_date(self, key: UUID) -> Caller:
        """A caller as it is now: of its quotas those that are over begin anew."""
        caller = self.callers[key] = with_windows_of(self.callers[key], self.ms)
        return caller

    def _call(self, caller: Caller, choose: Chooser) -> Call:
        scale, _ = self.wallets[caller.wallet_id]
        full = choose.number(1, 12) * scale + choose.number(0, scale - 1) if choose.chance(92) else 0
        part = full // choose.number(1, 4)
        stamp = self.ms + (choose.pick((-DAY, DAY)) if choose.chance(1) else 0)
        return Call(
            request_id=UUID(int=stamp << 80 | 7 << 76 | 2 << 62 | next(self.ids)),
            caller=caller,
            model_id="",
            price_card_id=BOOT,
            stream=False,
            app_name="",
            app_url="",
            started_at=START,
            want=Want(Nanos(full), Nanos(part), Nanos(part // choose.number(1, 4))),
            tokens=choose.number(0, 600),
            points=choose.number(0, 6),
        )

    def _ask(self, call: Call, choose: Chooser) -> str:
        """Ask as a gate does: provide what is missing, then ask again."""
        partial, closed_ms = choose.chance(5), choose.number(1, 9000) if choose.chance(1) else 0
        told, has_told = "", False
        for _ in range(5):
            told = self._admit(call, partial=partial, closed_ms=closed_ms)
            if told == "LOAD" and choose.chance(95):
                self._load(call.caller, choose)
            elif told == "STALE" and not has_told:  # it may be Redis that is behind
                has_told = True
                self._bump(call.caller)
            elif told == "NOLEASE" and choose.chance(95):
                partial = not self._lend(call.caller, int(call.want.full_n), choose)
            else:
                break
        return told

    def _admit(self, call: Call, *, partial: bool, closed_ms: int = 0) -> str:
        gen, day = self.gen, day_of(call.request_id)
        request = requests.admit(
            call, Terms(gen, BOOT.hex.encode(), TTL, closed_ms), now_ms=day * DAY, partial=partial
        )

        def expected() -> list[Any]:
            answer = self.oracle.admit(
                self.us, call, gen=gen, day=day, partial=partial, ttl=TTL, closed_ms=closed_ms
            )
            if answer[0] == "OK":
                self._admitted(call, answer[3], is_new=answer[5] != "dup")
            return answer

        return self.run(request, expected, call.wallet_id)[0]

    def _admitted(self, call: Call, hold: int, *, is_new: bool) -> None:
        if call.request_id not in self.spool:  # else it has ended, before Redis was told so
            self.running[call.request_id] = Run(call, self.gen, hold)
        self.unanswered.pop(call.request_id, None)
        if not is_new:
            return
        self.claims.drop(call)
        self.claims.put(call, self.number, usd=hold, tokens=call.tokens, points=call.points, requests=1)
        self.claims.check_counted(call)
        if hold:
            self.claims.check_admitted(call, self.number)

    def ask_again(self, choose: Chooser) -> None:
        """An answer was lost, so the same is asked again, whatever became of the call meanwhile."""
        here = {rid: one.call for rid, one in self.claims.of.items() if one.gen == self.number}
        calls = self.unanswered if self.unanswered and choose.chance(60) else here
        if calls:
            self._admit(calls[self.some(calls, choose)], partial=choose.chance(50))

    def repeat(self, choose: Chooser) -> None:
        """A network that delivers late: what was sent before arrives once more."""
        if self.sent:
            self.run(*choose.pick(list(self.sent)), again=True)

    def checkpoint(self, choose: Chooser) -> None:
        if not self.running:
            return
        run = self.running[self.some(self.running, choose)]
        charge = choose.number(0, max(1, run.hold + run.hold // 8))
        cost, tokens = Cost(Nanos(charge * 2 // 3), Nanos(charge)), choose.number(0, run.call.tokens)
        request = requests.checkpoint(run.call, Progress(run.call.request_id, tokens, cost), ttl_ms=TTL)
        metered = (charge, int(cost.upstream_n), tokens)
        self.run(
            request, lambda: self.oracle.checkpoint(self.ms, run.call, metered, ttl=TTL), run.call.wallet_id
        )

    def extend(self, choose: Chooser) -> None:
        if self.running:
            self._extend(self.running[self.some(self.running, choose)], choose)

    def _extend(self, run: Run, choose: Chooser) -> None:
        if self.ms - (run.call.request_id.int >> 80) > LONGEST:
            return
        more, partial = choose.number(0, max(1, int(run.call.want.full_n))), choose.chance(30)

        def expected() -> list[Any]:
            answer = self.oracle.extend(self.ms, run.call, more, partial=partial)
            if answer[0] == "OK" and answer[1]:
                run.hold += answer[1]
                claim = self.claims.of[run.call.request_id]
                self.claims.put(run.call, claim.gen, usd=claim.amounts["usd"] + answer[1])
                self.claims.check_admitted(run.call, self.number)
            return answer

        request = requests.extend(run.call, more_n=more, partial=partial)
        if self.run(request, expected, run.call.wallet_id)[0] == "NOLEASE":
            self._lend(run.call.caller, more, choose)

    def run_overnight(self, choose: Chooser) -> None:
        """A call runs on into the next day, when others use up what its key has left of the week."""
        midnight = (self.day + 1) * DAY * 1000
        self.pass_time(max(0, midnight - self.us - choose.number(1, 900_000_000)))
        caller = choose.pick(list(self.callers.values()))
        used = sum(self.claims.used[caller.subjects[0].name, day] for day in days_of("week", self.day))
        limit = used + choose.number(2, 40) * self.wallets[caller.wallet_id][0]
        self._limit_key(caller, limit, "week")
        call = self._call(self._up_to_date(caller.key_id), choose)
        if self._ask(call, choose) != "OK":
            return
        self.pass_time(midnight - self.us + choose.number(1, 9_000_000))
        for _ in range(choose.number(1, 5)):
            self._ask(self._call(self._up_to_date(caller.key_id), choose), choose)
        self._extend(self.running[call.request_id], choose)

    def settle(self, choose: Chooser) -> None:
        """A call ends: within its hold, at it, above it, or costing nothing. The spool has it before Redis."""
        if not self.running:
            return
        run = self.running.pop(self.some(self.running, choose))
        within = choose.number(0, run.hold)
        above = choose.pick((run.hold + 1, run.hold * 9 // 8 + 1, run.hold * 4))
        end = _end(run, choose.pick((0, run.hold, within, within, above)), choose)
        self.spool[end.request_id] = end
        if choose.chance(90):  # else the proxy is slow, or was replaced: its spool is sent later
            self._settle(end)

    def settle_again(self, choose: Chooser) -> None:
        """What is not booked yet is sent again, soon or late."""
        if self.spool:
            self._settle(self.spool[self.some(self.spool, choose)])

    def _settle(self, end: Settlement) -> None:
        rid = end.request_id
        used = {"usd": end.charge_n, "tokens": end.tokens, "points": end.points, "requests": end.requests}

        def expected() -> list[Any]:
            answer = self.oracle.settle(
                self.ms, rid, end.wallet_id, gen=end.gen, upstream=end.upstream_n, told=end.hold_n, used=used
            )
            if answer[0] in {"OK", "ADJUST", "NOHOLD"}:
                self.answers.setdefault(rid, set()).add(answer[1])
                claim = self.claims.of[rid]
                self.claims.put(claim.call, claim.gen, **{**used, "usd": answer[1]})
            return answer

        self.run(requests.settlement(end), expected, end.wallet_id)

    def die(self, choose: Chooser) -> None:
        """A proxy is killed: nobody ends this call."""
        if self.running:
            self.running.pop(self.some(self.running, choose))

    def sweep(self, choose: Chooser) -> None:
        """What nobody has heard of is settled."""
        bucket = choose.pick(self.buckets)
        request = requests.due(bucket, limit=choose.number(1, 9))
        found = self.wire("EVALSHA", self.scripts["due"].sha, 1, *request.keys, *request.args)
        holds = [one for one in self.oracle.holds.values() if one.call.caller.bucket == bucket]
        due = [one.call.request_id for one in holds if one.deadline <= self.ms]
        calls = [UUID(member.decode().partition("|")[2]) for member in found]
        assert len(calls) == min(len(due), int(request.args[0]))
        assert set(calls) <= set(due)
        for rid in calls:
            self._sweep(rid)

    def sweep_any(self, choose: Chooser) -> None:
        """A sweeper that is late, or wrong: the call goes on, or is over."""
        if self.claims.of:
            self._sweep(self.some(self.claims.of, choose))

    def _sweep(self, rid: UUID) -> None:
        claim = self.claims.of[rid]

        def expected() -> list[Any]:
            answer = self.oracle.sweep(self.ms, rid)
            if answer[0] == "OK":
                self.swept.add(rid)
                self.claims.put(claim.call, claim.gen, **self.oracle.ended[rid].used)
            return answer

        caller = claim.call.caller
        self.run(requests.sweep(caller.bucket, caller.wallet_id, rid), expected, caller.wallet_id)

    # ---- money

    def lend(self, choose: Chooser) -> None:
        caller = choose.pick(list(self.callers.values()))
        self._lend(caller, choose.number(1, 9) * self.wallets[caller.wallet_id][0], choose)

    def _lend(self, caller: Caller, want: int, choose: Chooser) -> int:
        """PostgreSQL grants, then Redis is told; when that is lost, the next lease shows it, and it is told again."""
        wallet = caller.wallet_id
        seq, amount = self.books.grant(wallet, self.number, want, valid_until=self.ms + VALID + 30_000)
        if choose.chance(8):
            return amount
        self._hand_over(wallet, seq, amount)
        return amount

    def _hand_over(self, wallet: UUID, seq: int, amount: int) -> None:
        told = self._grant(wallet, seq if amount else 0, amount)
        if told[0] not in {"OK", "REGEN"} and int(told[1]) < seq:
            for missing in range(int(told[1]) + 1, seq + 1):
                self._grant(wallet, missing, self.books.pools[wallet, self.number].leases[missing - 1])

    def _grant(self, wallet: UUID, seq: int, amount: int) -> list[str]:
        gen = self.gen
        request = requests.grant(self.keys[wallet], gen=gen, seq=seq, amount_n=amount, valid_ms=VALID)

        def expected() -> list[Any]:
            return self.oracle.grant(self.ms, wallet, gen=gen, seq=seq, amount=amount, valid=VALID)

        return self.run(request, expected, wallet)

    def recall(self, choose: Chooser) -> None:
        wallet = choose.pick(list(self.wallets))
        self._recall(wallet, choose.number(0, 40) * self.wallets[wallet][0])

    def _recall(self, wallet: UUID, want: int) -> None:
        gen = self.gen
        request = requests.recall(self.keys[wallet], gen=gen, want_n=want)
        self.run(request, lambda: self.oracle.recall(wallet, gen=gen, want=want), wallet)

    def top_up(self, choose: Chooser) -> None:
        wallet = choose.pick(list(self.wallets))
        if self.books.free(wallet) < 100 * self.wallets[wallet][0]:
            self.books.credit(wallet, choose.number(1, 100) * self.wallets[wallet][0])

    # ---- changes, and what Redis does not know

    def change_key(self, choose: Chooser) -> None:
        """Somebody changes a key's limit. Once Redis has answered, nothing is admitted by the old one."""
        caller = choose.pick(list(self.callers.values()))
        limit = choose.pick((None, choose.number(0, 150) * self.wallets[caller.wallet_id][0]))
        self._limit_key(caller, limit, choose.pick(("day", "week", "month")))

    def _limit_key(self, caller: Caller, limit: int | None, period: str) -> None:
        mine, *others = caller.subjects
        subjects = (replace(mine, limit_n=limit, period=period), *others)
        self._change(caller, key_ver=caller.key_ver + 1, subjects=subjects)
        self._bump(self.callers[caller.key_id])

    def change_wallet(self, choose: Chooser) -> None:
        """The same for what the keys of a wallet share."""
        wallet = choose.pick(list(self.wallets))
        budget = choose.number(50, 900) * self.wallets[wallet][0]
        mine = [caller for caller in self.callers.values() if caller.wallet_id == wallet]
        for caller in mine:
            shared = (replace(one, limit_n=budget) for one in caller.subjects[1:])
            subjects = (caller.subjects[0], *shared)
            self._change(caller, wallet_ver=caller.wallet_ver + 1, subjects=subjects)
        self._bump(self.callers[mine[0].key_id])

    def _change(self, caller: Caller, **fields: Any) -> None:
        self.remembered = [*self.remembered[-5:], caller]
        self.callers[caller.key_id] = replace(caller, **fields)

    def _bump(self, caller: Caller) -> None:
        for key, name, ver in (
            (None, "w", caller.wallet_ver),
            (caller.key_id, f"v:{caller.key_id.hex}", caller.key_ver),
        ):
            request = requests.bump(caller.bucket, caller.wallet_id, key_id=key, ver=ver)
            self.run(
                request, lambda n=name, v=ver: self.oracle.bump(caller.wallet_id, n, v), caller.wallet_id
            )

    def load(self, choose: Chooser) -> None:
        self._load(choose.pick(list(self.callers.values())), choose)

    def _load(self, caller: Caller, choose: Chooser) -> None:
        """What PostgreSQL knows of earlier generations: a bound, while calls of theirs may still be booked."""
        wallet, gen, day = caller.wallet_id, self.gen, self.day
        now = self.callers[caller.key_id]  # whatever the proxy remembers: the versions are PostgreSQL's
        vers = {"wallet_ver": now.wallet_ver, "key_ver": now.key_ver}
        holds_ms = BOUND if self._waits_for_old_calls(wallet) else 0
        out = 0 if "outstanding not counted" in self.faults else self.books.outstanding(wallet, state="old")
        subjects, quotas = [], []
        for one in caller.subjects:
            if one.limit_n is not None:
                days = days_of(one.period, day)
                subjects.append((one, self.books.earlier(one.name, days, gen=self.number)[0] + out))
        for quota in caller.quotas:
            used = dict(
                zip(
                    ("usd", "tokens", "points", "requests"),
                    self.books.earlier(quota.name, (0,), gen=self.number),
                    strict=True,
                )
            )
            bound = used["usd"] + out if quota.unit == "usd" else max(used[quota.unit], quota.limit)
            quotas.append((quota, bound if holds_ms else used[quota.unit]))
        windows, lately = self._lately(caller, choose)
        bases = [(base_name(one, day), base) for one, base in (*subjects, *quotas)]
        made = Bases(subjects, quotas, windows, self.ms, **vers, holds_ms=holds_ms)
        request = loads.load(caller, made, gen=gen)

        def expected() -> list[Any]:
            known = replace(caller, **vers)
            return self.oracle.load(self.ms, known, gen=gen, bases=bases, holds_ms=holds_ms, lately=lately)

        self.run(request, expected, wallet)

    def _waits_for_old_calls(self, wallet: UUID) -> bool:
        return any(pool.state == "old" for (whose, _), pool in self.books.pools.items() if whose == wallet)

    def _lately(self, caller: Caller, choose: Chooser) -> tuple[list[Window], dict[str, Ticks]]:
        """Something was spent upstream in the last minutes."""
        spent = choose.number(0, 30) * self.wallets[caller.wallet_id][0]
        ticks = {
            unit: Counter({self.ms // size - choose.number(0, 70): spent}) for unit, size in SIZES.items()
        }
        parts = {
            unit: [(tick * SIZES[unit], n) for tick, n in units.items()] for unit, units in ticks.items()
        }
        windows = [Window(fuse.name, parts["s"], parts["m"]) for fuse in caller.fuses]
        return windows, {fuse.name: ticks for fuse in caller.fuses}

    # ---- the ledger

    def trim(self, choose: Chooser) -> None:
        """What is long over is removed from all hashes: days after it was booked."""
        if any(self.oracle.events.values()):
            return
        for name in self.wire("KEYS", PATTERN.replace("{", "[{]").replace("}", "[}]")):
            request = trims.trim(name, cursor=b"0")
            assert request is not None
            done, _ = self.wire("EVALSHA", self.scripts["trim"].sha, 1, *request.keys, *request.args)
            assert done == b"0"
        self.oracle.forget(self.us)

    def drain(self, choose: Chooser) -> None:
        """Book what is in a stream, some of it twice and in any order; then remove it, unless the ledger dies."""
        bucket = choose.pick(self.buckets)
        stream = bucket_keys(bucket).stream
        found = self.wire("XRANGE", stream, "-", "+", "COUNT", choose.number(1, 40))
        events = [_Event.read(fields) for _, fields in found]
        there = self.oracle.events[bucket]
        assert [one.told for one in events] == there[: len(events)]
        if not events:
            return
        delivered = events + [choose.pick(events) for _ in range(choose.number(0, 3))]
        if choose.chance(50) and all(one.gen == self.gen for one in delivered):
            delivered.reverse()
        dies = choose.chance(20)
        if not (dies and "removed before booked" in self.faults):
            for event in delivered:
                self._book(event)
            self.claims.check_books()
        if not dies or "removed before booked" in self.faults:
            self.wire("XDEL", stream, *(event_id for event_id, _ in found))
            del there[: len(events)]

    def _book(self, event: "_Event") -> None:
        number = int(event.gen.partition(":")[0])
        if event.kind == "return":
            self.books.take_back(event.wallet, number, event.amount)
            return
        claim, end = self.claims.of[event.rid], self.spool.get(event.rid)
        before = self.books.rows.get(event.rid)
        assert end is None or (event.wallet, number) not in self.barred, "booked when its pool was closed"
        self.books.post(
            event.rid,
            int(event.kind),
            (event.amount, *event.used),
            wallet=event.wallet,
            gen=number,
            labels=list(labels(claim.call)),
        )
        row = self.books.rows[event.rid]
        assert before is None or row == before or row.rank > before.rank, "a higher rank gave way"
        if claim.is_settled:
            self.claims.as_booked(event.rid)
        if row.rank == 2 and end is not None:
            del self.spool[event.rid]
            self._check_charge(end, row.used[0])

    def _check_charge(self, end: Settlement, charge: int) -> None:
        """What is booked is what Redis answered; and the charge itself, where the hold covers it."""
        rid = end.request_id
        assert charge in self.answers[rid] or rid in self.books.cut
        if end.charge_n <= end.hold_n and rid not in self.swept | self.books.cut:
            assert charge == end.charge_n

    def close(self, choose: Chooser) -> None:
        """Old pools whose calls are all booked, or so old that none can be running, are given back."""
        for (wallet, number), pool in self.books.pools.items():
            expired = self.ms > pool.valid_until + LONGEST + 60_000
            if pool.state == "old" and (expired or not self._has_calls(number)):
                self.books.close(wallet, number)
                if not expired:
                    self.barred.add((wallet, number))
                for rid, claim in self.claims.of.items():
                    if (claim.call.wallet_id, claim.gen) == (wallet, number):
                        self.claims.give_up(rid)
        self.claims.check_books()

    def _has_calls(self, number: int) -> bool:
        """Whether a proxy still has something of this generation or an older one."""
        if "closed early" in self.faults:
            return False
        gens = [run.gen for run in self.running.values()] + [end.gen for end in self.spool.values()]
        return any(int(gen.partition(":")[0]) <= number for gen in gens)

    # ---- what happens to Redis

    def turn(self) -> None:
        """Open a generation."""
        self.books.turn()
        self.gen = self.oracle.gen = f"{next(self.numbers)}:{self.ms}"
        self.wire.all([("SET", bucket_keys(bucket).generation, self.gen) for bucket in self.buckets])
        for rid, claim in self.claims.of.items():
            if rid not in self.running and rid not in self.spool and not claim.is_settled:
                self.claims.give_up(rid)  # nobody knows whether it will ever be booked

    def lose(self, choose: Chooser) -> None:
        """Redis loses everything. Until a generation is opened it answers nobody."""
        self.wire("FLUSHALL")
        self.oracle.empty()
        self.pass_time(0)
        for _ in range(choose.number(0, 4)):
            getattr(
                self,
                choose.pick(
                    ("admit", "extend", "settle", "settle_again", "change_key", "sweep_any", "recall")
                ),
            )(choose)
        self.turn()

    def keep_copy(self, choose: Chooser) -> None:
        """A replica stops following: this is the state it has."""
        names = self.wire("KEYS", "bl:*")
        dumps = self.wire.all([("DUMP", name) for name in names])
        self.copy = (list(zip(names, dumps, strict=True)), self.oracle.snapshot())

    def fail_over(self, choose: Chooser) -> None:
        """That replica takes over: an earlier state is back. Only the ledger looks at it before it is fenced off."""
        if self.copy is None:
            return
        dumps, state = self.copy
        self.wire.all([("FLUSHALL",), *(("RESTORE", name, 0, dump) for name, dump in dumps)])
        self.oracle.restore(state)
        self.pass_time(0)
        for _ in range(choose.number(0, 3)):
            getattr(self, choose.pick(("sweep", "sweep_any", "drain")))(choose)
        if "run_id not compared" not in self.faults or self.oracle.gen != self.gen:
            self.turn()

    def wait(self, choose: Chooser) -> None:
        """Time goes by: mostly a little, sometimes into the next day, week or month."""
        kind = choose.number(1, 100)
        if kind <= 70:
            self.pass_time(choose.number(1, 3_000_000))
        elif kind <= 90:
            self.pass_time(choose.number(1, 90_000_000))
        elif kind <= 94:
            self.pass_time(choose.number(1, 5_400_000_000))
        else:
            midnight = (self.day + 1) * DAY * 1000
            self.pass_time(midnight - self.us + choose.number(-2_000_000, 2_000_000))

    # ---- the end

    def come_to_rest(self) -> None:
        """Everybody finishes. Then nothing is held, all is booked once, and the last nano-dollar can be spent."""
        dice = Dice(0)
        while self.running:
            self.settle(dice)
        for _ in range(60):
            if not (self.oracle.holds or self.spool or any(self.oracle.events.values())):
                break
            for end in list(self.spool.values()):
                self._settle(end)
            self.pass_time((TTL + 1) * 1000)
            self.sweep(dice)
            self.drain(dice)
        assert not self.oracle.holds, "not every call ends"
        assert not self.spool, "not every call is booked"
        for wallet in self.wallets:
            pool = self.books.pools.get((wallet, self.number))
            self._hand_over(wallet, len(pool.leases) if pool else 0, 0)
            self._recall(wallet, ALL)
        while any(self.oracle.events.values()):
            self.drain(dice)
        self.close(dice)
        self.compare_everything()
        self._check_rest()

    def _check_rest(self) -> None:
        for sheet in [sheet for sheet in self.oracle.sheets.values() if sheet.gen == self.gen]:
            rows = [row for days in sheet.days.values() for row in days.values()] + list(
                sheet.quotas.values()
            )
            assert all(held == 0 for _, held in rows)
            assert not any(sheet.running.values())
        for wallet in self.wallets:
            there, booked = self.oracle.pools[wallet], self.books.pools.get((wallet, self.number))
            assert (there.free, there.held) == (0, 0)
            if booked is not None:
                assert (there.spent, there.returned) == (booked.posted, booked.returned)
            charged = sum(
                row.used[0]
                for rid, row in self.books.rows.items()
                if self.claims.of[rid].call.wallet_id == wallet
            )
            assert (
                self.books.free(wallet) == self.books.balance[wallet] == self.books.credited[wallet] - charged
            )


RULES = {  # how often, of a thousand
    "admit": 300, "ask_again": 20, "repeat": 50, "checkpoint": 90, "extend": 50, "run_overnight": 3, "settle": 230,
    "settle_again": 30, "die": 8, "sweep": 20, "sweep_any": 10, "trim": 4, "lend": 10, "recall": 8, "top_up": 20,
    "change_key": 8, "change_wallet": 3, "load": 5, "drain": 50, "close": 20, "lose": 2, "keep_copy": 3, "fail_over": 2,
    "wait": 57,
}  # fmt: skip
DECK = [name for name, often in RULES.items() for _ in range(often)]
CHAPTER = 2500  # steps, after which everything comes to rest and begins anew


class Dice:
    """Decides by a seed."""

    def __init__(self, seed: int | str) -> None:
        self._next = Random(seed).random

    def pick(self, options: Any) -> Any:
        return options[int(self._next() * len(options))]

    def number(self, low: int, high: int) -> int:
        return low + int(self._next() * (high - low + 1))

    def chance(self, percent: int) -> bool:
        return self._next() * 100 < percent


def tell(wire: Wire, *, seed: int | str, steps: int, **mistakes: Any) -> Counter[str]:
    """Let the dice decide what happens. Returns how often each answer was given; what fails says at which step."""
    seen: Counter[str] = Counter()
    scripts = mistakes.get("scripts", SCRIPTS)
    wire.all([("SCRIPT", "LOAD", script.source) for script in scripts.values()])
    for chapter in range(-(-steps // CHAPTER)):
        dice, step = Dice(f"{seed}/{chapter}"), 0
        try:
            story = Story(wire, dice, **mistakes)
            for step in range(min(CHAPTER, steps - chapter * CHAPTER)):
                getattr(story, dice.pick(DECK))(dice)
                if step % 500 == 0:
                    story.compare_everything()
            story.come_to_rest()
        except Exception as error:
            error.add_note(f"seed {seed}, step {chapter * CHAPTER + step}")
            raise
        seen += story.seen
    return seen


@dataclass(frozen=True)
class _Event:
    rid: UUID
    wallet: UUID
    gen: str
    kind: str
    amount: int
    used: tuple[int, int, int]  # tokens, points, requests

    @classmethod
    def read(cls, fields: Sequence[bytes]) -> "_Event":
        found = {name.decode(): value.decode() for name, value in zip(fields[::2], fields[1::2], strict=True)}
        facts = [int(part) for part in found.get("f", "0|0|0").split("|")]
        used = (facts[1], 0, 1) if found["k"] == "1" else (facts[0], facts[1], facts[2])
        return cls(
            UUID(found.get("r", "0" * 32)), UUID(found["w"]), found["g"], found["k"], int(found["a"]), used
        )

    @property
    def told(self) -> tuple[Any, ...]:
        """As the model has it."""
        return self.rid.hex if self.rid.int else "", self.wallet.hex, self.gen, self.kind, self.amount


def _end(run: Run, charge: int, choose: Chooser) -> Settlement:
    call, tokens = run.call, choose.number(0, run.call.tokens * 9 // 8)
    points, number = choose.number(0, call.points), choose.number(0, 1)
    return Settlement(
        request_id=call.request_id,
        wallet_id=call.wallet_id,
        bucket=call.caller.bucket,
        gen=run.gen,
        hold_n=run.hold,
        charge_n=charge,
        upstream_n=charge * 2 // 3,
        tokens=tokens,
        points=points,
        requests=number,
        base=Raw(b""),
        final=Raw(f"{tokens}|{points}|{number}".encode()),
    )
