"""Between PostgreSQL and Redis: leases for pools that run low, counters for callers Redis does not know."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging import pools
from core.charging.bases import bases_of
from core.charging.calls import Caller
from core.charging.generations import Life
from core.charging.pools import REDIS_VALID_MS, Granted
from core.counters import loads, requests
from core.counters.keys import WalletKeys, wallet_keys
from core.counters.requests import Request
from core.errors import Unavailable
from core.rules.periods import DAY_MS
from proxy.store.errors import Away
from proxy.store.store import Answer, Store

DRY_S = 1.0  # so long we believe that a wallet has nothing free, before we ask PostgreSQL again
T = TypeVar("T")
_log = structlog.get_logger()


class Lender:
    """One request at a time: many calls that find the same thing missing wait for the same answer."""

    def __init__(self, engine: AsyncEngine, store: Store) -> None:
        self._engine = engine
        self._store = store
        self._asking: dict[UUID, asyncio.Task[int]] = {}
        self._loading: dict[tuple[UUID, int, int, int], asyncio.Task[None]] = {}  # key, versions, day ->
        self._dry: dict[UUID, tuple[int, float]] = {}  # wallet -> version, until when

    def is_dry(self, caller: Caller) -> bool:
        """Say whether PostgreSQL said a moment ago that this wallet has nothing more, and nothing changed."""
        version, until = self._dry.get(caller.wallet_id, (0, 0.0))
        return version == caller.wallet_ver and time.monotonic() < until

    async def lend(self, caller: Caller, life: Life, *, want_n: int) -> int:
        """Lease more to a pool. Returns how much (nano-dollars); 0: the wallet has nothing free.

        Raises Unavailable.
        """
        return await asyncio.shield(self._asked(caller, life, want_n))

    def lend_in_background(self, caller: Caller, life: Life, *, want_n: int) -> None:
        if caller.wallet_id not in self._asking and not self.is_dry(caller):
            self._asked(caller, life, want_n).add_done_callback(partial(_tell, caller.wallet_id))

    def _asked(self, caller: Caller, life: Life, want_n: int) -> asyncio.Task[int]:
        task = self._asking.get(caller.wallet_id)
        if task is None:
            task = self._asking[caller.wallet_id] = asyncio.create_task(self._lend(caller, life, want_n))
            task.add_done_callback(lambda _: self._asking.pop(caller.wallet_id, None))
        return task

    async def load(self, caller: Caller, life: Life, *, now_ms: int) -> None:
        """Tell Redis what it must know of a caller in the periods of this moment.

        Raises Unavailable, Away or Broken.
        """
        which = (caller.key_id, caller.key_ver, caller.wallet_ver, now_ms // DAY_MS)
        task = self._loading.get(which)
        if task is None:
            task = self._loading[which] = asyncio.create_task(self._load(caller, life, now_ms))
            task.add_done_callback(lambda _: self._loading.pop(which, None))
        await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for what is under way: its connections must not be taken from it."""
        await asyncio.gather(*self._asking.values(), *self._loading.values(), return_exceptions=True)

    async def _load(self, caller: Caller, life: Life, now_ms: int) -> None:
        bases = await self._ask(lambda connection: bases_of(connection, caller, gen=life.gen, now_ms=now_ms))
        await self._run(loads.load(caller, bases, gen=life.name))

    async def tell_versions(self, caller: Caller) -> None:
        """Tell Redis at which versions a caller was read, should it know older ones."""
        for key_id, ver in ((None, caller.wallet_ver), (caller.key_id, caller.key_ver)):
            await self._run(requests.bump(caller.bucket, caller.wallet_id, key_id=key_id, ver=ver))

    async def _lend(self, caller: Caller, life: Life, want_n: int) -> int:
        granted = await self._ask(
            lambda connection: pools.grant(
                connection, wallet_id=caller.wallet_id, gen=life.gen, want_n=want_n
            )
        )
        if granted is None:  # this generation is over
            raise Unavailable("The service is recovering. Try again.", retry_after_s=1)
        if granted.amount_n == 0:
            self._dry[caller.wallet_id] = (caller.wallet_ver, time.monotonic() + DRY_S)
        keys = wallet_keys(caller.bucket, caller.wallet_id)
        await self._hand_over(keys, life, granted, wallet_id=caller.wallet_id)
        return granted.amount_n

    async def _hand_over(self, keys: WalletKeys, life: Life, granted: Granted, *, wallet_id: UUID) -> None:
        """Give Redis the lease, and those before it that it never got."""
        # A lease of nothing has no number: it only renews the pool's validity.
        code, at = await self._grant(keys, life, granted if granted.amount_n else Granted(0, 0))
        if code == b"OK" or int(at) >= granted.seq:
            return
        missing = await self._ask(
            lambda connection: pools.leases_since(connection, wallet_id=wallet_id, gen=life.gen, seq=int(at))
        )
        for lease in missing:
            await self._grant(keys, life, lease)

    async def _grant(self, keys: WalletKeys, life: Life, lease: Granted) -> tuple[bytes, bytes]:
        request = requests.grant(
            keys, gen=life.name, seq=lease.seq, amount_n=lease.amount_n, valid_ms=REDIS_VALID_MS
        )
        match await self._run(request):
            case [bytes() as code, bytes() as at]:
                return code, at
        raise Away("the generation is over")

    async def _ask(self, step: Callable[[Connection], T]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(step)
        except (SQLAlchemyError, OSError) as error:
            _log.error("lender_without_postgres", error=type(error).__name__)
            raise Unavailable(
                "The service cannot check balances right now. Try again.", retry_after_s=5
            ) from None

    async def _run(self, request: Request) -> Answer:
        return await self._store.run(
            request.script, tag=request.bucket.tag, keys=request.keys, args=request.args
        )


def _tell(wallet_id: UUID, task: asyncio.Task[int]) -> None:
    """Nobody waits for a lease in the background: say so when there was none."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("pool_not_refilled", wallet_id=str(wallet_id), error=type(error).__name__)
