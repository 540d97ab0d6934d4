"""Which generation of Redis this proxy works in; opening the next one when Redis lost what it held."""

import asyncio
import time
from collections.abc import Callable, Iterable
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging import bases, generations
from core.charging.generations import Life
from core.counters import loads
from core.counters.keys import BUCKETS, bucket_keys
from core.counters.requests import Request
from proxy.clock import Clock
from proxy.leases.settler import Settler
from proxy.store.errors import Away, Broken
from proxy.store.store import Answer, Store

BEAT_S = 1.0
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
        store.on_change(self._changed)

    async def keep(self) -> None:
        """Run until cancelled: a sign of life each second, and the right generation at once."""
        while True:
            self._wake.clear()
            await self.renew()
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _changed(self) -> None:
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
        fingerprint = self._store.fingerprint
        try:
            async with self._engine.begin() as connection:
                life = await connection.run_sync(self._beat, fingerprint)
            if fingerprint is not None and not await self._is_current(life, fingerprint):
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

    def _beat(self, connection: Connection, fingerprint: str | None) -> Life | None:
        settled_gen = self._settled_gen()
        generations.seen(connection, boot_id=self._boot_id, settled_gen=settled_gen, fingerprint=fingerprint)
        return generations.latest(connection)

    def _settled_gen(self) -> int:
        """The generation before which nothing is left here: no call that runs or is being admitted, nothing
        in the spool.
        """
        if self.current is None:
            return 0
        unsettled = [generations.number_of(name) for name in self.running() if name]
        unsettled += [life.gen for life in self.asking.values()]
        oldest = self._settler.oldest_gen()
        return int(min([self.current.gen, *unsettled, *(() if oldest is None else (oldest,))]))

    async def _is_current(self, life: Life | None, fingerprint: str) -> bool:
        """Say whether this is the generation of the servers we are connected to, and all of them know it."""
        if life is None or life.fingerprint != fingerprint:
            return False
        began = time.time()
        seconds, micros = _pair(await self._store.command(bucket_keys(0).tag, "TIME", unfenced=True))
        self._clock.set(seconds * 1000 + micros // 1000, (began + time.time()) * 500)
        if self._doubted:
            self._doubted = False  # unless somebody doubts again while we ask
            is_known = await self._known_everywhere(life.name)
            self._doubted |= not is_known
            return is_known
        # One a second, in turn: whoever uses the others finds out by himself.
        keys = bucket_keys(int(began) % BUCKETS)
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
