"""Charging put together: path (c), whose parts share a store, a clock and a spool, and path (a) behind it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging import generations as boots
from core.config import Settings
from core.db import async_engine
from core.ids import uuid7
from proxy.clock import Clock
from proxy.gate import Gate, PostgresGate
from proxy.global_breaker import GlobalBreaker
from proxy.leases.fallback import WALLET_AT_ONCE, FallbackGate
from proxy.leases.gate import LeaseGate
from proxy.leases.generations import Generations
from proxy.leases.lender import Lender
from proxy.leases.local_limits import LocalLimits
from proxy.leases.settler import Settler
from proxy.leases.spool import Spool
from proxy.leases.vacancy import Vacancy
from proxy.store.store import Store
from proxy.trips import Trips

# An admission nobody hears the answer of refuses its call, and keeps its hold until that is swept: a server
# that is slow for a moment is waited for.
ANSWER_S = 1.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Leases:
    """What charges calls in this process, from its start to its end."""

    engine: AsyncEngine
    store: Store
    gate: Gate
    lender: Lender
    generations: Generations
    settler: Settler
    trips: Trips
    breaker: GlobalBreaker
    clock: Clock
    boot_id: UUID
    vacancy: Vacancy | None = None  # where calls are admitted in PostgreSQL while nobody has Redis
    checkpoints: AsyncEngine | None = None

    @property
    def background(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """What must run as long as calls are charged."""
        return (
            self.generations.keep,
            self.settler.keep,
            self.settler.spool.keep_synced,
            self.trips.keep_writing,
            self.breaker.keep,
            *(() if self.vacancy is None else (self.vacancy.keep,)),
        )

    @property
    def is_degraded(self) -> bool:
        """Say whether calls are admitted in PostgreSQL, within the limits of that."""
        return self.vacancy is not None and self.vacancy.is_vacant

    async def open(self) -> None:
        await self.store.open()
        await self.generations.renew()
        await self.breaker.look()

    def fault(self) -> str | None:
        """Why no call can be admitted; None: as far as this process knows, they can."""
        if self.is_degraded:
            return None
        if self.generations.current is None:
            return "redis unreachable"
        return "spool cannot be written" if self.settler.spool.is_broken else None

    async def drained(self, *, within_s: float) -> None:
        """Have everything settled and, if it is quick, booked; then nothing waits for this boot any more."""
        if not await self.settler.drained(within_s=within_s):
            return
        try:
            async with self.engine.begin() as connection:
                await connection.run_sync(lambda sync: boots.ended(sync, [self.boot_id]))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("boot_not_ended", error=type(error).__name__)

    async def close(self) -> None:
        await self.trips.write()
        await self.lender.close()
        await self.generations.close()
        await self.settler.close()
        await self.store.close()
        if self.checkpoints is not None:
            await self.checkpoints.dispose()


def build_leases(settings: Settings, engine: AsyncEngine) -> Leases:
    boot_id, root, clock = uuid7(), Path(settings.spool_dir), Clock()
    store = Store(settings.counters_url, timeout_s=ANSWER_S)
    settler = Settler(engine, store, Spool(root, boot_id), root)
    generations = Generations(engine, store, boot_id=boot_id, clock=clock, settler=settler)
    trips = Trips(engine)
    breaker = GlobalBreaker(store, minute_n=settings.global_minute_n, hourly_n=settings.global_hourly_n)
    lender = Lender(engine, store)
    gate = LeaseGate(
        store,
        generations=generations,
        lender=lender,
        settler=settler,
        clock=clock,
        trips=trips,
        breaker=breaker,
        boot_id=boot_id,
        hold_s=settings.hold_s,
    )
    leases = Leases(engine, store, gate, lender, generations, settler, trips, breaker, clock, boot_id)
    return leases if settings.redis_down == "refuse" else with_fallback(leases, settings)


def with_fallback(leases: Leases, settings: Settings) -> Leases:
    """The same, admitting in PostgreSQL while nobody has Redis."""
    engine, boot_id = leases.engine, leases.boot_id
    checkpoints = async_engine(settings.database_url, pool_size=1)
    vacancy = Vacancy(engine, leases.generations, boot_id=boot_id)
    leases.settler.is_redis_gone = lambda: vacancy.is_final
    postgres = PostgresGate(
        engine, checkpoints=checkpoints, boot_id=boot_id, hold_s=settings.hold_s, at_once=WALLET_AT_ONCE
    )
    gate = FallbackGate(
        leases.gate,
        postgres,
        vacancy=vacancy,
        limits=LocalLimits(global_n=(settings.global_minute_n, settings.global_hourly_n)),
        trips=leases.trips,
        breaker=leases.breaker,
    )
    return replace(leases, gate=gate, vacancy=vacancy, checkpoints=checkpoints)
