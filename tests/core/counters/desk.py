"""One wallet of one generation, and a caller with everything that may refuse a call: for tests of single scripts.

It is Wednesday, 15 April 2026, 12:00 UTC, until a test says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from redis import Redis

from core.charging.bases import Bases, Window
from core.charging.calls import Call, Caller, Progress
from core.counters import loads, requests
from core.counters.keys import WalletKeys, wallet_keys
from core.counters.requests import Request, Settlement, Terms
from core.counters.script import Script
from core.money import Nanos
from core.rules.admission import Want
from core.rules.prices import Cost
from core.rules.scopes import Fuse, Quota, Subject
from tests.core.counters.clocked import SCRIPTS, clock_at

NOW = datetime(2026, 4, 15, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp()) * 1000
DAY_MS = 86_400_000
DAY = NOW_MS // DAY_MS
MONDAY, FIRST = DAY - 2, DAY - 14
WALLET, KEY, MEMBER, TEAM, PLAN, SESSION = (UUID(int=n) for n in range(1, 7))
BUCKET = 7
GEN = f"3:{NOW_MS - 3 * 3_600_000}"  # opened at nine: neither the day nor the month began in it
TTL_MS = 60_000
LIMIT = 1000

KEY_LIMIT = Subject("key", KEY, LIMIT, "day")
MEMBER_BUDGET = Subject("member", MEMBER, LIMIT)
TEAM_BUDGET = Subject("team", TEAM, LIMIT)
TOKENS, POINTS = (
    Quota("plan", PLAN, unit, LIMIT, NOW - timedelta(hours=12), NOW + timedelta(hours=12))
    for unit in ("tokens", "points")
)
MONEY, REQUESTS = (
    Quota("session", SESSION, unit, LIMIT, NOW - timedelta(hours=12), NOW + timedelta(hours=12))
    for unit in ("usd", "requests")
)
MEMBER_FUSE = Fuse("member", MEMBER, 500, 900)
ORG_FUSE = Fuse("org", WALLET, 500, 900)

PLAIN = Caller(key_id=KEY, key_ver=1, wallet_id=WALLET, wallet_ver=1, bucket=BUCKET, user_id=MEMBER)
FULL = replace(
    PLAIN,
    subjects=(KEY_LIMIT, MEMBER_BUDGET, TEAM_BUDGET),
    quotas=(TOKENS, POINTS, MONEY, REQUESTS),
    fuses=(MEMBER_FUSE, ORG_FUSE),
    rpm=5,
    at_once=3,
)


def call_of(
    caller: Caller,
    *,
    full: int = 10,
    part: int | None = None,
    floor: int = 1,
    number: int = 1,
    at_ms: int = NOW_MS,
    **fields: Any,
) -> Call:
    """A call that wants so much, else a part of it, but not less than `floor`."""
    return Call(
        request_id=UUID(int=at_ms << 80 | 7 << 76 | 2 << 62 | number),
        caller=caller,
        model_id="acme/tiny",
        price_card_id=UUID(int=9),
        stream=True,
        app_name="",
        app_url="",
        started_at=NOW,
        want=Want(Nanos(full), Nanos(full if part is None else part), Nanos(min(floor, full))),
        **fields,
    )


@dataclass
class Desk:
    redis: Redis
    scripts: Mapping[str, Script] = field(default_factory=lambda: SCRIPTS)
    keys: WalletKeys = field(default_factory=lambda: wallet_keys(BUCKET, WALLET))
    now_ms: int = NOW_MS
    ids: int = 0

    def __post_init__(self) -> None:
        self.turn(GEN)
        self.at(NOW_MS)

    def turn(self, gen: str) -> None:
        self.redis.set(self.keys.bucket.generation, gen)

    def at(self, ms: float) -> None:
        """It is this moment now."""
        self.redis.mset(clock_at(round(ms * 1000)))
        self.now_ms = int(ms)

    def wait(self, ms: float) -> None:
        self.at(self.now_ms + ms)

    def run(self, request: Request) -> list[str]:
        source = self.scripts.get(request.script.name, request.script).source
        answer = self.redis.eval(source, len(request.keys), *request.keys, *request.args)
        return [word.decode() for word in answer]

    def everything(self) -> dict[bytes, Any]:
        """All keys with their content, to see that nothing changed."""
        read = {
            b"hash": self.redis.hgetall,
            b"zset": lambda name: self.redis.zrange(name, 0, -1, withscores=True),
            b"stream": self.redis.xrange,
            b"string": self.redis.get,
        }
        names = [name for name in self.redis.scan_iter() if not name.startswith(b"clock")]
        return {name: read[self.redis.type(name)](name) for name in names}

    def hash(self, name: bytes) -> dict[str, str]:
        return {key.decode(): value.decode() for key, value in self.redis.hgetall(name).items()}

    def pool(self) -> dict[str, int]:
        """Its money: free, held, spent, granted, returned."""
        row = self.hash(self.keys.pool)
        return {name: int(row[name]) for name in ("free", "held", "spent", "granted", "returned")}

    def counters(self) -> dict[str, int]:
        """All sums that are not zero."""
        row = self.hash(self.keys.counters)
        return {name: int(value) for name, value in row.items() if name[-2:] in {":s", ":h"} and value != "0"}

    def events(self) -> list[dict[str, str]]:
        found = self.redis.xrange(self.keys.bucket.stream)
        return [{name.decode(): value.decode() for name, value in event.items()} for _, event in found]

    # ---- what the product asks

    def call(self, caller: Caller = PLAIN, *, at_ms: int | None = None, **fields: Any) -> Call:
        self.ids += 1
        return call_of(caller, number=self.ids, at_ms=self.now_ms if at_ms is None else at_ms, **fields)

    def admission(
        self, call: Call, *, partial: bool = False, gen: str = GEN, closed_ms: int = 0, ttl_ms: int = TTL_MS
    ) -> Request:
        terms = Terms(gen, UUID(int=8).hex.encode(), ttl_ms, closed_ms)
        return requests.admit(call, terms, now_ms=call.request_id.int >> 80, partial=partial)

    def admit(self, call: Call, **terms: Any) -> list[str]:
        return self.run(self.admission(call, **terms))

    def admitted(self, caller: Caller = PLAIN, **wanted: Any) -> Call:
        """A call that runs."""
        call = self.call(caller, **wanted)
        answer = self.admit(call)
        assert answer[0] == "OK", answer
        return call

    def grant(self, amount: int, *, seq: int = 1, gen: str = GEN, valid_ms: int = 90_000) -> list[str]:
        return self.run(requests.grant(self.keys, gen=gen, seq=seq, amount_n=amount, valid_ms=valid_ms))

    def load(
        self,
        caller: Caller = PLAIN,
        bases: Mapping[Subject | Quota, int] | None = None,
        windows: Mapping[Fuse, tuple[Sequence[tuple[int, int]], Sequence[tuple[int, int]]]] | None = None,
        *,
        gen: str = GEN,
        holds_ms: int = 0,
    ) -> list[str]:
        """Tell what earlier generations spent; nothing, where it is not said."""
        known, lately = bases or {}, windows or {}
        made = Bases(
            [(one, known.get(one, 0)) for one in caller.subjects if one.limit_n is not None],
            [(one, known.get(one, 0)) for one in caller.quotas],
            [Window(one.name, *lately.get(one, ((), ()))) for one in caller.fuses],
            self.now_ms,
            caller.wallet_ver,
            caller.key_ver,
            holds_ms,
        )
        return self.run(loads.load(caller, made, gen=gen))

    def bump(self, ver: int, *, key_id: UUID | None = None) -> list[str]:
        return self.run(requests.bump(BUCKET, WALLET, key_id=key_id, ver=ver))

    def checkpoint(self, call: Call, *, charge: int, upstream: int = 0, tokens: int = 0) -> list[str]:
        progress = Progress(call.request_id, tokens, Cost(Nanos(upstream), Nanos(charge)))
        return self.run(requests.checkpoint(call, progress, ttl_ms=TTL_MS))

    def extend(self, call: Call, more: int, *, partial: bool = False) -> list[str]:
        return self.run(requests.extend(call, more_n=more, partial=partial))

    def end(self, call: Call, charge: int, *, hold: int = 0, gen: str = GEN, **fields: Any) -> Settlement:
        return Settlement(
            request_id=call.request_id,
            wallet_id=call.wallet_id,
            bucket=BUCKET,
            gen=gen,
            hold_n=hold,
            charge_n=charge,
            **{
                "upstream_n": 0,
                "tokens": 0,
                "points": 0,
                "requests": 1,
                "base": msgspec.Raw(b'{"a":1}'),
                "final": msgspec.Raw(b'{"b":2}'),
                **fields,
            },
        )

    def settle(self, call: Call, charge: int, **fields: Any) -> list[str]:
        return self.run(requests.settlement(self.end(call, charge, **fields)))

    def sweep(self, call: Call) -> list[str]:
        return self.run(requests.sweep(BUCKET, call.wallet_id, call.request_id))

    def recall(self, want: int, *, gen: str = GEN) -> list[str]:
        return self.run(requests.recall(self.keys, gen=gen, want_n=want))
