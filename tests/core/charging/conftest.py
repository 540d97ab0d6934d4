"""A desk to charge calls at: each step in a transaction of its own, as in the product."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from core.actions.wallets import grant_credits
from core.charging import generations, pools
from core.charging.booking import book
from core.charging.calls import (
    FINAL,
    Admitted,
    Call,
    Caller,
    Ending,
    Entry,
    Progress,
    base_facts,
    final_facts,
)
from core.charging.generations import Life
from core.charging.holds import admit, checkpoint, extend
from core.charging.proof import differences
from core.charging.settlement import settle, sweep
from core.ids import uuid7
from core.money import Nanos
from core.rules.admission import Want
from core.rules.prices import Cost, Usage
from core.rules.scopes import Subject


@dataclass
class Desk:
    engine: Engine
    wallet_id: UUID
    user_id: UUID
    key_id: UUID
    card_id: UUID
    boot_id: UUID = field(default_factory=uuid4)

    def call(
        self, full_n: int, *, slice_n: int | None = None, floor_n: int | None = None, **fields: Any
    ) -> Call:
        """A call with fresh versions; without slice and floor it runs with its worst case or not at all."""
        slice_n = full_n if slice_n is None else slice_n
        ours = {name: fields.pop(name) for name in list(fields) if name in Caller.__dataclass_fields__}
        known: dict[str, Any] = {
            "request_id": uuid7(),
            "caller": self.caller(**ours),
            "model_id": "acme/tiny",
            "price_card_id": self.card_id,
            "stream": False,
            "app_name": "",
            "app_url": "",
            "want": Want(full_n, slice_n, slice_n if floor_n is None else floor_n),
            "started_at": datetime.now(UTC),
        }
        return Call(**{**known, **fields})

    def caller(self, **fields: Any) -> Caller:
        key_id = fields.pop("key_id", self.key_id)
        key = self.row(
            "SELECT w.ver AS wallet_ver, w.bucket, k.ver AS key_ver, k.spend_limit_n, k.spend_limit_period "
            "FROM wallets w JOIN api_keys k ON k.wallet_id = w.id WHERE k.id = :k",
            k=key_id,
        )
        known: dict[str, Any] = {
            "key_id": key_id,
            "key_ver": key.key_ver,
            "wallet_id": self.wallet_id,
            "wallet_ver": key.wallet_ver,
            "bucket": key.bucket,
            "user_id": self.user_id,
            "subjects": (Subject("key", key_id, key.spend_limit_n, key.spend_limit_period),),
        }
        return Caller(**{**known, **fields})

    def admit(self, call: Call, *, hold_s: int = 60) -> Any:
        with self.engine.begin() as connection:
            return admit(connection, call, boot_id=self.boot_id, hold_s=hold_s)

    def admitted(self, full_n: int, **fields: Any) -> Call:
        call = self.call(full_n, **fields)
        assert isinstance(self.admit(call), Admitted)
        return call

    def extend(self, call: Call, more_n: int) -> int:
        with self.engine.begin() as connection:
            return extend(connection, call, more_n=more_n)

    def checkpoint(self, call: Call, charge_n: int, *, tokens: int = 0, hold_s: int = 60) -> None:
        with self.engine.begin() as connection:
            progress = Progress(call.request_id, tokens, Cost(charge_n, charge_n))
            checkpoint(connection, [progress], hold_s=hold_s)

    def settle(self, call: Call, charge_n: int, **fields: Any) -> Any:
        with self.engine.begin() as connection:
            return settle(connection, call, ending(charge_n, **fields))

    def sweep(self, call: Call) -> Any:
        with self.engine.begin() as connection:
            return sweep(connection, request_id=call.request_id, wallet_id=call.wallet_id)

    def expire(self, call: Call) -> None:
        self.run(
            "UPDATE holds SET deadline_at = clock_timestamp() - interval '1 s' WHERE request_id = :r",
            r=call.request_id,
        )

    def open_generation(self, fingerprint: str = "run", *, since_ms: int = 0) -> Life:
        with self.engine.begin() as connection:
            generations.lock(connection)
            return generations.open_next(connection, fingerprint=fingerprint, since_ms=since_ms)

    def lease(self, gen: int, want_n: int) -> Any:
        with self.engine.begin() as connection:
            return pools.grant(connection, wallet_id=self.wallet_id, gen=gen, want_n=want_n)

    def take_back(self, gen: int, total_n: int) -> None:
        with self.engine.begin() as connection:
            pools.take_back(connection, wallet_id=self.wallet_id, gen=gen, total_n=total_n)

    def close(self, *gens: int) -> None:
        with self.engine.begin() as connection:
            pools.close(connection, wallet_id=self.wallet_id, gens=gens)

    def book(self, *entries: Entry) -> dict[UUID, int]:
        with self.engine.begin() as connection:
            return book(connection, entries)

    def entry(
        self, call: Call, charge_n: int, *, gen: int = 0, rank: int = FINAL, points: int = 0, **fields: Any
    ) -> Entry:
        facts = {**base_facts(call), **final_facts(ending(charge_n, **fields))}
        return Entry(call.request_id, call.wallet_id, rank, charge_n, facts, gen, points)

    def wallet(self) -> tuple[int, int, int]:
        """Balance, leased, and what is free."""
        return tuple(
            self.row(
                "SELECT balance_n, leased_n, balance_n + credit_limit_n - leased_n - held_n FROM wallets "
                "WHERE id = :w",
                w=self.wallet_id,
            )
        )

    def pool(self, gen: int) -> tuple[int, int, int, str]:
        """Granted, posted, returned, and its state."""
        return tuple(
            self.row(
                "SELECT granted_n, posted_n, returned_n, state FROM pools WHERE wallet_id = :w AND gen = :g",
                w=self.wallet_id,
                g=gen,
            )
        )

    def grant(self, amount_n: int) -> None:
        with Session(self.engine) as session, session.begin():
            grant_credits(session, self.wallet_id, Nanos(amount_n), note="", ref=str(uuid4()))

    def purse(self) -> tuple[int, int]:
        """Balance and held."""
        return tuple(self.row("SELECT balance_n, held_n FROM wallets WHERE id = :w", w=self.wallet_id))

    def usage(self, call: Call) -> Any:
        return self.row("SELECT * FROM usage_events WHERE request_id = :r", r=call.request_id)

    def booked(self, call: Call) -> list[tuple[str, int]]:
        """The ledger rows of a call."""
        rows = self.rows(
            "SELECT kind, amount_n FROM ledger WHERE ref = :r ORDER BY id", r=str(call.request_id)
        )
        return [tuple(row) for row in rows]

    def daily(self) -> list[tuple[int, ...]]:
        """Requests, input, output, charge and upstream of every line of daily sums."""
        rows = self.rows(
            "SELECT requests, input_tokens, output_tokens, charge_n, upstream_n FROM usage_daily"
        )
        return [tuple(row) for row in rows]

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


def ending(charge_n: int, **fields: Any) -> Ending:
    known: dict[str, Any] = {
        "provider": "acme",
        "usage": Usage(input_tokens=10, output_tokens=20, cached_tokens=3, reasoning_tokens=4),
        "cost": Cost(upstream_n=charge_n, charge_n=charge_n),
        "status": 200,
        "reason": "done",
        "finish_reason": "stop",
        "duration_ms": 1234,
    }
    return Ending(**{**known, **fields})


@pytest.fixture
def open_desk(make, database_url):
    """Makes desks of new users with a balance in nano-dollars."""
    engines = []

    def opened(balance_n: int, *, spend_limit_n: int | None = None, period: str = "month") -> Desk:
        user = make.user()
        key = make.key(user, spend_limit_n=spend_limit_n, spend_limit_period=period)
        if not engines:
            make.provider()
            engines.append(
                create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"), pool_size=20)
            )
            engines.append(make.offer().price_card_id)
        if balance_n:
            make.credits(user, f"{balance_n / 10**9:.9f}")
        return Desk(engines[0], user.wallet_id, user.id, key.id, engines[1])

    yield opened
    if engines:
        engines[0].dispose()


@pytest.fixture
def desk(open_desk) -> Desk:
    """A wallet of 1,000 nano-dollars."""
    return open_desk(1000)
