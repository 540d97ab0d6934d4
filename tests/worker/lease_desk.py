"""A wallet leased to Redis, and its calls, each step as a proxy does it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from core.charging import generations, pools
from core.charging.bases import bases_of
from core.charging.calls import Call, Caller, Progress
from core.charging.generations import Life
from core.charging.pools import REDIS_VALID_MS
from core.charging.proof import differences
from core.counters import loads, requests
from core.counters.client import Counters
from core.counters.keys import BUCKETS, WalletKeys, bucket_keys, wallet_keys
from core.counters.replies import Again, Held, admission, extension
from core.counters.requests import Settlement, Terms
from core.ids import uuid7
from core.models import ApiKey, Pool, UsageEvent, Wallet
from core.rules.admission import Want
from core.rules.prices import Cost
from core.rules.scopes import Subject
from tests.core.charging.conftest import ending
from worker.drain import Drain
from worker.streams import RedisStreams

BOOT = uuid7()


@dataclass
class LeaseDesk:
    """One key of a wallet. `since_ms` is when its generation of Redis began."""

    engine: Engine
    counters: Counters
    key: ApiKey
    card_id: UUID
    life: Life | None = None
    holds: dict[UUID, int] = field(default_factory=dict)

    @property
    def keys(self) -> WalletKeys:
        return wallet_keys(self.caller().bucket, self.key.wallet_id)

    def open_generation(self) -> Life:
        """What a proxy does that finds another Redis than the one it knew."""
        seconds, _ = self.counters.redis.time()
        with self.engine.begin() as connection:
            self.life = generations.open_next(connection, fingerprint="ours", since_ms=seconds * 1000)
        self.mark_generation()
        return self.life

    def mark_generation(self) -> None:
        marks = (bucket_keys(bucket).generation for bucket in range(BUCKETS))
        self.counters.ask_all([(mark, ("SET", mark, self.life.name)) for mark in marks])

    def caller(self, **fields: Any) -> Caller:
        row = self.row("SELECT ver, bucket FROM wallets WHERE id = :w", w=self.key.wallet_id)
        known = {
            "key_id": self.key.id,
            "key_ver": self.key.ver,
            "wallet_id": self.key.wallet_id,
            "wallet_ver": row.ver,
            "bucket": row.bucket,
            "user_id": self.key.user_id,
            "subjects": (
                Subject("key", self.key.id, self.key.spend_limit_n, self.key.spend_limit_period or "month"),
            ),
        }
        return Caller(**{**known, **fields})

    def call(self, full_n: int, *, request_id: UUID | None = None, **fields: Any) -> Call:
        known: dict[str, Any] = {
            "request_id": request_id or uuid7(),
            "caller": self.caller(),
            "model_id": "acme/tiny",
            "price_card_id": self.card_id,
            "stream": True,
            "app_name": "",
            "app_url": "",
            "want": Want(full_n, full_n, full_n),
            "started_at": datetime.now(UTC),
        }
        return Call(**{**known, **fields})

    def lend(self, want_n: int) -> int:
        """Lease, and hand every lease over that Redis has not got. Returns how much was leased."""
        with self.engine.begin() as connection:
            granted = pools.grant(connection, wallet_id=self.key.wallet_id, gen=self.life.gen, want_n=want_n)
        self.hand_over()
        return granted.amount_n

    def hand_over(self) -> None:
        gen, seq = self.counters.redis.hmget(self.keys.pool, "gen", "seq")
        at = int(seq) if gen == self.life.name.encode() else 0
        with self.engine.begin() as connection:
            leases = pools.leases_since(connection, wallet_id=self.key.wallet_id, gen=self.life.gen, seq=at)
        for lease in leases:
            self.counters.run(
                requests.grant(
                    self.keys,
                    gen=self.life.name,
                    seq=lease.seq,
                    amount_n=lease.amount_n,
                    valid_ms=REDIS_VALID_MS,
                )
            )

    def load(self, caller: Caller) -> None:
        seconds, _ = self.counters.redis.time()
        with self.engine.begin() as connection:
            bases = bases_of(connection, caller, gen=self.life.gen, now_ms=seconds * 1000)
        self.counters.run(loads.load(caller, bases, gen=self.life.name))

    def admit(self, call: Call, *, ttl_ms: int = 60_000) -> int:
        """Admit a call, whatever that needs. Returns what it holds."""
        if self.life is None:
            self.open_generation()
        terms = Terms(self.life.name, BOOT, ttl_ms)
        for _ in range(4):
            request = requests.admit(call, terms, now_ms=call.request_id.int >> 80, partial=False)
            answer = admission(self.counters.run(request), call, gen=self.life.name)
            if isinstance(answer, Held):
                self.holds[call.request_id] = answer.admitted.hold_n
                return answer.admitted.hold_n
            assert isinstance(answer, Again), answer
            if answer.need == "lease":
                assert self.lend(call.want.full_n), answer
            else:
                self.load(call.caller)
        raise AssertionError(answer)

    def admitted(self, full_n: int, **fields: Any) -> Call:
        call = self.call(full_n, **fields)
        self.admit(call)
        return call

    def checkpoint(self, call: Call, charge_n: int, *, tokens: int = 0) -> None:
        progress = Progress(call.request_id, tokens, Cost(charge_n, charge_n))
        self.counters.run(requests.checkpoint(call, progress, ttl_ms=60_000))

    def extend(self, call: Call, more_n: int) -> int:
        return extension(self.counters.run(requests.extend(call, more_n=more_n, partial=True))).added_n

    def ended(self, call: Call, charge_n: int, **fields: Any) -> Settlement:
        hold_n = self.holds.get(call.request_id, charge_n)
        return requests.ended(call, ending(charge_n, **fields), gen=self.life.name, hold_n=hold_n)

    def settle(self, call: Call, charge_n: int, **fields: Any) -> tuple[str, int]:
        """Returns the outcome and what the call is charged."""
        answer = self.counters.run(requests.settlement(self.ended(call, charge_n, **fields)))
        return answer[0].decode(), int(answer[1])

    def charged(self, full_n: int, charge_n: int, **fields: Any) -> Call:
        """A call from its beginning to its end."""
        call = self.admitted(full_n, **fields)
        self.settle(call, charge_n)
        return call

    def silence(self, call: Call) -> None:
        """Nobody has been heard of the call since its deadline."""
        member = b"%b|%b" % (self.keys.id, call.request_id.hex.encode())
        self.counters.redis.zadd(self.keys.bucket.deadlines, {member: 1})

    def recall(self, want_n: int) -> int:
        answer = self.counters.run(requests.recall(self.keys, gen=self.life.name, want_n=want_n))
        return int(answer[1])

    def drain(self) -> Drain:
        return Drain(self.engine, RedisStreams(self.counters))

    def book(self) -> None:
        drain = self.drain()
        while drain.round():
            pass

    def pool(self) -> dict[str, int]:
        """The pool's numbers in Redis."""
        fields = self.counters.redis.hgetall(self.keys.pool)
        return {name.decode(): int(value) for name, value in fields.items() if name != b"gen"}

    def pool_row(self) -> Pool:
        return self.row(
            "SELECT * FROM pools WHERE wallet_id = :w ORDER BY gen DESC LIMIT 1", w=self.key.wallet_id
        )

    def wallet(self) -> Wallet:
        return self.row("SELECT * FROM wallets WHERE id = :w", w=self.key.wallet_id)

    def usage(self) -> list[UsageEvent]:
        return self.rows("SELECT * FROM usage_events ORDER BY request_id")

    def stream(self) -> list[Any]:
        return self.counters.redis.xrange(self.keys.bucket.stream)

    def counted(self) -> dict[str, int]:
        """The counters of money there are."""
        fields = self.counters.redis.hgetall(self.keys.counters)
        return {name.decode(): int(value) for name, value in fields.items() if name[-2:] in {b":s", b":h"}}

    def row(self, statement: str, **values: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(statement), values).one()

    def rows(self, statement: str, **values: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(statement), values).all()

    def run(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def differences(self) -> list[Any]:
        engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.connect() as connection:
            return differences(connection)
