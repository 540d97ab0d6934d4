"""Which generation of Redis this proxy works in; opening the next one when Redis lost what it held."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging import bases, generations
from core.charging.generations import VACANT, Life
from core.counters import loads
from core.counters.keys import BUCKETS, bucket_keys
from core.counters.requests import Request
from proxy.clock import Clock
from proxy.leases.settler import Settler
from proxy.store.errors import Away, Broken
from proxy.store.store import Answer, Store

BEAT_S = 1.0
AWAY_S, SILENT_S = 1.0, 3.0  # who is not connected for so long, or gets no answer, is in no generation
MARGIN_MS = 60_000  # by which other clocks may differ from that of Redis
_log = structlog.get_logger()


class Generations:
    """Keeps the store fenced in to the one generation that PostgreSQL knows."""

    def __init__(
        self, engine: AsyncEngine, store: Store, *, boot_id: UUID, clock: Clock, settler: Settler
    ) -> None:
        self.current: Life | None = None
        self.running: Callable[[], Iterable[str]] = tuple  # the generations of the calls that run
        self.asking: dict[int, Life] = {}  # of calls whose admission is under way, by number
        self._settler = settler
        self._engine = engine
        self._store = store
        self._boot_id = boot_id
        self._clock = clock
        self._wake = asyncio.Event()
        self._doubted = True  # ask every bucket, not just one
        self._renewing: asyncio.Task[bool] | None = None
        self._away_at: float | None = time.monotonic()
        store.on_change(self._changed)

    @property
    def away_s(self) -> float:
        """For how long the servers have not all been there, or did not answer."""
        return 0.0 if self._away_at is None else time.monotonic() - self._away_at

    async def keep(self) -> None:
        """Run until cancelled: a sign of life each second, and the right generation at once."""
        try:
            while True:
                self._wake.clear()
                await self.renew()
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await self._wake.wait()
        finally:
            if self._renewing is not None:
                await asyncio.wait({self._renewing})  # it has a connection that somebody is about to close

    def _changed(self) -> None:
        if self._store.fingerprint is None and self._away_at is None:
            self._away_at = time.monotonic()
        self._doubted = True
        self._wake.set()

    async def lost(self) -> bool:
        """A script found another generation, or none: find out. Says whether one is known."""
        self._doubted = True
        return await self.renew()

    async def renew(self) -> bool:
        """Find out which generation it is, or open the next. Many may wait for the same answer."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())
        return await asyncio.shield(self._renewing)

    async def close(self) -> None:
        """Wait for what is under way: its connection must not be taken from it."""
        if self._renewing is not None:
            await asyncio.gather(self._renewing, return_exceptions=True)

    async def _renew(self) -> bool:
        fingerprint = await self._look()
        try:
            async with self._engine.begin() as connection:
                life, may_open = await connection.run_sync(self._beat, fingerprint)
            if life is not None and life.fingerprint == VACANT:  # calls are admitted elsewhere, or will be
                self._leave()
            if may_open and fingerprint is not None and not await self._is_current(life, fingerprint):
                life = await self._open(fingerprint)
        except (SQLAlchemyError, OSError, Away, Broken) as error:
            _log.warning("generation_not_renewed", error=type(error).__name__)
            return False
        if life is None or life.fingerprint != fingerprint:
            return False
        if self.current != life:
            _log.warning("generation_entered", gen=life.gen)
            self._settler.doubt()
        self.current, self._store.allowed = life, fingerprint
        return True

    async def _look(self) -> str | None:
        """Which servers are there. Without them for a while we leave: old pools wait for whoever stays."""
        fingerprint = self._store.fingerprint
        if fingerprint is not None and await self._told_time():
            self._away_at = None
            return fingerprint
        if self._away_at is None:
            self._away_at = time.monotonic()
        elif self.current is not None and self.away_s > (AWAY_S if fingerprint is None else SILENT_S):
            self._leave()
        return None

    def _leave(self) -> None:
        if self.current is not None:
            _log.warning("generation_left", gen=self.current.gen)
        self.current = self._store.allowed = None

    async def _told_time(self) -> bool:
        """Set the clock by that of Redis. Says whether it answered."""
        began = time.time()
        try:
            seconds, micros = _pair(await self._store.command(bucket_keys(0).tag, "TIME", unfenced=True))
        except (Away, Broken) as error:
            _log.warning("redis_silent", error=type(error).__name__)
            return False
        self._clock.set(seconds * 1000 + micros // 1000, (began + time.time()) * 500)
        return True

    def _beat(self, connection: Connection, fingerprint: str | None) -> tuple[Life | None, bool]:
        """Which is the latest, and whether another may be opened now.

        Who is still in a generation says that he has its servers, though they are away for a moment.
        """
        if fingerprint is None and self.current is not None:
            fingerprint = self.current.fingerprint
        life = generations.latest(connection)
        settled_gen = self._settled_gen(life)
        generations.seen(connection, boot_id=self._boot_id, settled_gen=settled_gen, fingerprint=fingerprint)
        return life, life is None or not generations.vacancy_stays(connection)

    def _settled_gen(self, latest: Life | None) -> int:
        """The generation before which nothing is left here: no call that runs or is being admitted, nothing
        in the spool. Whoever is in none enters the latest next, or one after it.
        """
        life = self.current or latest
        if life is None:
            return 0
        unsettled = [generations.number_of(name) for name in self.running() if name]
        unsettled += [asked.gen for asked in self.asking.values()]
        oldest = self._settler.oldest_gen()
        return int(min([life.gen, *unsettled, *(() if oldest is None else (oldest,))]))

    async def _is_current(self, life: Life | None, fingerprint: str) -> bool:
        """Say whether this is the generation of the servers we are connected to, and all of them know it."""
        if life is None or life.fingerprint != fingerprint:
            return False
        if self._doubted:
            self._doubted = False  # unless somebody doubts again while we ask
            is_known = await self._known_everywhere(life.name)
            self._doubted |= not is_known
            return is_known
        # One a second, in turn: whoever uses the others finds out by himself.
        keys = bucket_keys(int(time.time()) % BUCKETS)
        mark = await self._store.command(keys.tag, "GET", keys.generation, unfenced=True)
        return mark == life.name.encode()

    async def _known_everywhere(self, name: str) -> bool:
        """Say whether every bucket still has it: a server that was emptied has none."""
        tags = (bucket_keys(bucket) for bucket in range(BUCKETS))
        found = await asyncio.gather(
            *(self._store.command(keys.tag, "GET", keys.generation, unfenced=True) for keys in tags)
        )
        return all(value == name.encode() for value in found)

    async def _open(self, fingerprint: str) -> Life | None:
        """Open the next generation, unless somebody has; one process at a time, in the whole installation.

        The buckets are told before it is committed: were they told after it, a proxy could find the
        generation and not its mark, and take that for a loss.
        """
        async with self._engine.begin() as connection:
            await connection.run_sync(generations.lock)
            life = await connection.run_sync(generations.latest)
            ours = life is not None and life.fingerprint == fingerprint
            if life is not None and ours and await self._known_everywhere(life.name):
                return life
            if self._store.fingerprint != fingerprint:
                return None
            if life is not None and not ours and await connection.run_sync(self._is_held, life, fingerprint):
                return None
            since_ms = max(await self._times())
            if life is not None and life.fingerprint == VACANT:
                since_ms += MARGIN_MS  # calls were charged meanwhile, in periods by other clocks
            life = await connection.run_sync(
                lambda sync: generations.open_next(sync, fingerprint=fingerprint, since_ms=since_ms)
            )
            await self._mark(life)
            lately = await connection.run_sync(bases.everything_lately)
            await self._run(loads.load_global(lately, gen=life.name))
        _log.error("generation_opened", gen=life.gen)
        return life

    def _is_held(self, connection: Connection, life: Life, fingerprint: str) -> bool:
        held = generations.is_held(connection, life, against=fingerprint)
        if held:
            _log.error("generation_held_by_others", gen=life.gen)
        return held

    async def _times(self) -> list[int]:
        times = []
        for server in self._store.servers:
            seconds, micros = _pair(await self._store.command(server, "TIME", unfenced=True))
            times.append(seconds * 1000 + micros // 1000)
        return times

    async def _mark(self, life: Life) -> None:
        buckets = (bucket_keys(bucket) for bucket in range(BUCKETS))
        await asyncio.gather(
            *(self._store.command(b.tag, "SET", b.generation, life.name, unfenced=True) for b in buckets)
        )

    async def _run(self, request: Request) -> Answer:
        return await self._store.run(
            request.script, tag=request.bucket.tag, keys=request.keys, args=request.args, unfenced=True
        )


def _pair(answer: Answer) -> tuple[int, int]:
    """What TIME answers: seconds and microseconds."""
    assert isinstance(answer, list)
    first, second = (int(part) for part in answer if isinstance(part, bytes))
    return first, second
