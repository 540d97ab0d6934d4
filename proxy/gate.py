"""The gate: where a call is admitted and settled. One interface, so that what is behind it can change."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging import holds, settlement
from core.charging.calls import (
    Admitted,
    Call,
    Caller,
    Elsewhere,
    Ending,
    Progress,
    Settled,
    Unsettled,
    Verdict,
)
from core.errors import Unavailable
from core.rules.prices import Cost, Usage
from core.rules.rates import Rate

RETRY_FIRST_S, RETRY_LAST_S = 0.1, 5.0
# How a call ended that nobody waits for any more, and that no provider was asked.
GONE = Ending(provider="", usage=Usage(), cost=Cost(), status=499, reason="client_gone")
# Steps at a time, fewer than there are connections: calls of one wallet wait for each other, and signs of
# life must not wait for them.
AT_A_TIME = 12
T = TypeVar("T")
Report = tuple[Call, Admitted, Progress]  # of a call that runs
_log = structlog.get_logger()


class Gate(Protocol):
    """Charging as the relay sees it."""

    async def admit(self, call: Call) -> Verdict:
        """Hold the call's worst case, or say why not. Raises Unavailable when the books cannot be reached."""

    async def void(self, call: Call) -> None:
        """The admission was cancelled: see to it that nothing stays held, whatever came of it."""

    async def rate(self, caller: Caller) -> Rate | None:
        """Where a caller stands with its calls a minute; None when nobody counts them, or can be asked."""

    async def checkpoint(self, running: Sequence[Report]) -> None:
        """Say what running calls have produced so far; also a sign of life for each."""

    async def extend(self, call: Call, admitted: Admitted, *, more_n: int) -> int:
        """Add to a running call's hold; returns the nano-dollars added, 0 when nothing is left."""

    def settle_now(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled | None:
        """The same as `settle`, at once, where nothing must be waited for; else None, and nothing is done."""

    async def settle(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled:
        """Book how a call ended that holds `hold_n` by now. Comes back when that cannot be lost any more."""


class GenerationOpen(Unavailable):
    """PostgreSQL admits no call while a generation of Redis is open."""


class PostgresGate:
    """Path (a): one PostgreSQL transaction for each step."""

    def __init__(
        self, engine: AsyncEngine, *, checkpoints: AsyncEngine, boot_id: UUID, hold_s: int, at_once: int = 0
    ) -> None:
        """`checkpoints` has connections of its own: a sign of life must not queue behind admissions.

        `at_once`: how many calls of one wallet may run at the same time; 0: any number.
        """
        self._engine = engine
        self._checkpoints = checkpoints
        self._boot_id = boot_id
        self._hold_s = hold_s
        self._at_once = at_once
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def admit(self, call: Call) -> Verdict:
        """Raises GenerationOpen when calls are admitted in Redis."""
        try:
            verdict = await self._run(lambda connection: self._admit(connection, call))
        except (SQLAlchemyError, OSError) as error:
            _log.error("admission_failed", request_id=str(call.request_id), error=_name(error))
            raise Unavailable(
                "The service cannot check balances right now. Try again.", retry_after_s=5
            ) from None
        match verdict:
            case Elsewhere():
                raise GenerationOpen("The service is changing over. Try again.", retry_after_s=1)
            case Unsettled():
                raise Unavailable(
                    "The service is counting what was spent before. Try again.", retry_after_s=5
                )
            case _:
                return verdict

    def _admit(self, connection: Connection, call: Call) -> Verdict | Elsewhere | Unsettled:
        return holds.admit(
            connection, call, boot_id=self._boot_id, hold_s=self._hold_s, at_once=self._at_once
        )

    async def void(self, call: Call) -> None:
        await self._settle(call, GONE)

    async def rate(self, caller: Caller) -> Rate | None:  # noqa: ARG002  # the protocol's
        return None

    async def checkpoint(self, running: Sequence[Report]) -> None:
        if not running:
            return
        progress = [report for _, _, report in running]
        async with self._checkpoints.begin() as connection:
            await connection.run_sync(lambda sync: holds.checkpoint(sync, progress, hold_s=self._hold_s))

    async def extend(self, call: Call, admitted: Admitted, *, more_n: int) -> int:  # noqa: ARG002  # the protocol's
        return await self._run(lambda connection: holds.extend(connection, call, more_n=more_n))

    def settle_now(self, *_: object, **__: object) -> Settled | None:
        """A transaction is always waited for."""
        return None

    async def settle(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled:  # noqa: ARG002
        return await self._settle(call, ending)

    async def _settle(self, call: Call, ending: Ending) -> Settled:
        wait_s = RETRY_FIRST_S
        while True:
            try:
                return await self._run(lambda connection: settlement.settle(connection, call, ending))
            except (SQLAlchemyError, OSError) as error:
                # Whether the transaction was committed does not matter: settling again changes nothing.
                _log.error("settlement_delayed", request_id=str(call.request_id), error=_name(error))
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_LAST_S)

    async def _run(self, step: Callable[[Connection], T]) -> T:
        async with self._turns, self._engine.begin() as connection:
            return await connection.run_sync(step)


def _name(error: Exception) -> str:
    return type(error.orig).__name__ if isinstance(error, DBAPIError) else type(error).__name__
