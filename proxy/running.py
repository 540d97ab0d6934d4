"""The calls this process is running: admitted once, watched while they run, settled whatever happens."""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.charging.calls import Admitted, Call, Settled, Stale
from core.errors import KeyLimitReached, OutOfCredits, Refused
from core.money import format_usd
from core.rules.admission import Deny
from proxy.gate import Gate
from proxy.meter import Meter
from proxy.plan import Plan

CHECKPOINT_S = 1.0
_log = structlog.get_logger()


class StaleGrant(Exception):
    """What was known of the key is out of date; find it again and ask once more."""


class ClientGone(Exception):
    """The client closed its connection, or takes nothing any more."""


class Charge:
    """One admitted call and its money. Settles once, in a task of the process, not of the request."""

    def __init__(self, call: Call, meter: Meter, running: "Running") -> None:
        self.call = call
        self.meter = meter
        self._running = running
        self._settling: asyncio.Task[Settled] | None = None
        self._extending: asyncio.Task[None] | None = None

    async def settle(self) -> Settled:
        """Book the call as its meter stands. The request may be cancelled meanwhile; the booking goes on."""
        if self._settling is None:
            self._settling = self._running.settle(self)
        return await asyncio.shield(self._settling)

    def extend_in_background(self) -> None:
        """Ask for as much again as the plan's slice, unless that is under way."""
        if self._extending is None or self._extending.done():
            self._extending = self._running.spawn(self._extend())

    async def extended(self) -> None:
        """Wait for an extension under way."""
        if self._extending is not None:
            await asyncio.shield(self._extending)

    async def _extend(self) -> None:
        meter = self.meter
        more_n = min(meter.plan.want.slice_n, meter.plan.want.full_n - meter.hold_n)
        try:
            added = await self._running.gate.extend(self.call, more_n=more_n)
        except (SQLAlchemyError, OSError) as error:
            _log.error("extension_failed", request_id=str(self.call.request_id), error=type(error).__name__)
            added = 0
        meter.hold_n += added
        meter.exhausted = added < more_n


class Running:
    """Holds money for calls while they run, and says once a second that they do."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._charges: dict[UUID, Charge] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def hold(self, call: Call, plan: Plan) -> AsyncIterator[Charge]:
        """Admit a call and settle it on the way out, however the way out is.

        Raises StaleGrant, or the refusal.
        """
        admission = self.spawn(self._admit(call, plan))
        try:
            charge = await asyncio.shield(admission)
        except asyncio.CancelledError:
            self.spawn(self._void(admission))  # the client left while we asked; it may have been admitted
            raise
        try:
            yield charge
        except (asyncio.CancelledError, ClientGone):
            charge.meter.end("client_gone", status=499)
            raise
        except Refused as refusal:
            charge.meter.end(refusal.reason, status=refusal.status)
            raise
        except BaseException:
            charge.meter.end("internal_error", status=500)
            raise
        finally:
            await charge.settle()

    def settle(self, charge: Charge) -> asyncio.Task[Settled]:
        return self.spawn(self._settle(charge))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task that outlives its request, and is waited for when the process ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def keep_alive(self) -> None:
        """Run until cancelled: checkpoint what is running."""
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            progress = [charge.meter.progress(rid) for rid, charge in self._charges.items()]
            try:
                await self.gate.checkpoint(progress)
            except (SQLAlchemyError, OSError) as error:
                _log.error("checkpoint_failed", calls=len(progress), error=type(error).__name__)

    async def drained(self, *, within_s: float) -> None:
        """Wait until all that was admitted is settled. What is not by then is swept at its deadline."""
        try:
            async with asyncio.timeout(within_s):
                while self._tasks or self._charges:  # a call just cancelled has its settlement before it
                    await asyncio.wait({*self._tasks, asyncio.create_task(asyncio.sleep(0.01))})
        except TimeoutError:
            _log.error("not_drained", calls=len(self._charges))

    async def _admit(self, call: Call, plan: Plan) -> Charge:
        verdict = await self.gate.admit(call)
        if isinstance(verdict, Stale):
            raise StaleGrant
        if isinstance(verdict, Deny):
            raise _refusal(verdict, now=datetime.now(UTC))
        assert isinstance(verdict, Admitted)
        charge = Charge(call, Meter(plan, verdict.hold_n), self)
        self._charges[call.request_id] = charge
        return charge

    async def _void(self, admission: asyncio.Task[Charge]) -> None:
        try:
            charge = await admission
        except (StaleGrant, Refused):
            return
        charge.meter.end("client_gone", status=499)
        await charge.settle()

    async def _settle(self, charge: Charge) -> Settled:
        try:
            settled = await self.gate.settle(charge.call, charge.meter.ending())
        finally:
            self._charges.pop(charge.call.request_id, None)
        if settled.outcome == "unknown":
            _log.error("settled_unknown_call", request_id=str(charge.call.request_id))
        return settled


def _refusal(deny: Deny, *, now: datetime) -> OutOfCredits:
    """Say whose money is short, by how much, and when that changes."""
    facts = {
        "scope": deny.scope,
        "needed_usd": format_usd(deny.needed_n),
        "available_usd": format_usd(max(0, deny.available_n)),
        "held_usd": format_usd(deny.held_n),
    }
    if deny.scope == "wallet":
        return OutOfCredits(metadata=facts)
    assert deny.limit_n is not None
    assert deny.resets_at is not None
    facts |= {
        "limit_usd": format_usd(deny.limit_n),
        "spent_usd": format_usd(deny.limit_n - deny.held_n - deny.available_n),
        "resets_at": deny.resets_at.isoformat(),
    }
    return KeyLimitReached(
        f"This API key has reached its spend limit of {format_usd(deny.limit_n)}. It works again from "
        f"{deny.resets_at:%Y-%m-%d %H:%M} UTC; the limit can be changed on the API keys page.",
        retry_after_s=max(1, math.ceil((deny.resets_at - now).total_seconds())),
        metadata=facts,
    )
