"""The calls this process is running: admitted once, watched while they run, settled whatever happens."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.charging.calls import Admitted, Call, Ending, Settled, Stale, TooFast, Tripped
from core.errors import Refused, Unavailable
from core.rules.admission import Deny
from proxy.gate import Gate
from proxy.meter import CLIENT_GONE, Meter
from proxy.plan import Plan
from proxy.store.errors import Away, Broken

CHECKPOINT_S = 1.0
# Not all in one go: of 300 calls it took 74 ms at best, and the loop stood still for 18; of 15 it takes 2.
PARTS = 20
_log = structlog.get_logger()


def parts_due(turn: int, *, done: int) -> set[int]:
    """The parts of all calls whose turns have come since the last one that is done: each once at most."""
    return {late % PARTS for late in range(max(done, turn - PARTS) + 1, turn + 1)}


class StaleGrant(Exception):
    """What was known of the key is out of date; find it again and ask once more."""


class NotAdmitted(Exception):
    """The verdict was no."""

    def __init__(self, verdict: Deny | TooFast | Tripped) -> None:
        super().__init__()
        self.verdict = verdict


class ClientGone(Exception):
    """The client closed its connection, or takes nothing any more."""


class Charge:
    """One admitted call and its money: settled when its block is left, however it is left.

    That happens once, and not in a task of the request.
    """

    def __init__(self, call: Call, meter: Meter, running: "Running", *, admitted: Admitted) -> None:
        self.call = call
        self.meter = meter
        self.admitted = admitted
        self._running = running
        self.ending: Ending | None = None  # as it was settled
        self._settled: Settled | None = None
        self._settling: asyncio.Task[Settled] | None = None
        self._extending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            if isinstance(error, asyncio.CancelledError | ClientGone):
                self.meter.end(CLIENT_GONE, status=499)
            elif isinstance(error, Refused):
                self.meter.end(error.reason, status=error.status)
            else:
                self.meter.end("internal_error", status=500)
        await self.settle()

    async def settle(self) -> Settled:
        """Book the call as its meter stands. The request may be cancelled meanwhile; the booking goes on."""
        if self.ending is None:
            self.ending = self.meter.ending()
            self._settled = self._running.settle_now(self)
        if self._settled is not None:
            return self._settled
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
            added = await self._running.gate.extend(self.call, self.admitted, more_n=more_n)
        except (SQLAlchemyError, OSError, Away, Broken, Unavailable) as error:
            _log.error("extension_failed", request_id=str(self.call.request_id), error=type(error).__name__)
            added = 0
        meter.hold_n += added
        meter.exhausted = added < more_n


class Running:
    """Holds money for calls while they run, and says once a second that they do."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._charges: dict[int, Charge] = {}  # by the number of the request id
        self._tasks: set[asyncio.Task[Any]] = set()

    async def admit(self, call: Call, plan: Plan) -> Charge:
        """Admit a call: enter what comes back. Raises StaleGrant, NotAdmitted, or the refusal."""
        try:
            verdict = await self.gate.admit(call)
        except asyncio.CancelledError:
            self.spawn(self.gate.void(call))  # the client left while we asked; it may have been admitted
            raise
        if isinstance(verdict, Admitted):
            charge = Charge(call, Meter(plan, verdict.hold_n), self, admitted=verdict)
            self._charges[call.request_id.int] = charge
            return charge
        if isinstance(verdict, Stale):
            raise StaleGrant
        raise NotAdmitted(verdict)

    def generations(self) -> set[str]:
        """The generations of Redis that calls which run were admitted in."""
        return {charge.admitted.gen for charge in self._charges.values()}

    def settle_now(self, charge: Charge) -> Settled | None:
        """Settle without waiting, where the gate can; None: it takes a task."""
        assert charge.ending is not None
        settled = self.gate.settle_now(
            charge.call, charge.admitted, charge.ending, hold_n=charge.meter.hold_n
        )
        if settled is not None:
            self._charges.pop(charge.call.request_id.int, None)
        return settled

    def settle(self, charge: Charge) -> asyncio.Task[Settled]:
        return self.spawn(self._settle(charge))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task that outlives its request, and is waited for when the process ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def keep_alive(self) -> None:
        """Run until cancelled: checkpoint what is running, each call when it is the turn of its part."""
        now, pause_s = asyncio.get_running_loop().time, CHECKPOINT_S / PARTS
        done = int(now() / pause_s)
        while True:
            await asyncio.sleep(pause_s)
            turn = int(now() / pause_s)
            await self.checkpoint(parts_due(turn, done=done))
            done = turn

    async def checkpoint(self, parts: set[int]) -> None:
        """Give a sign of life of the calls of these parts."""
        running = [charge for number, charge in self._charges.items() if number % PARTS in parts]
        if not running:
            return
        progress = [(c.call, c.admitted, c.meter.progress(c.call.request_id)) for c in running]
        try:
            await self.gate.checkpoint(progress)
        except (SQLAlchemyError, OSError, Away, Broken) as error:
            _log.error("checkpoint_failed", calls=len(progress), error=type(error).__name__)

    async def drained(self, *, within_s: float) -> None:
        """Wait until all that was admitted is settled. What is not by then is swept at its deadline."""
        try:
            async with asyncio.timeout(within_s):
                while self._tasks or self._charges:  # a call just cancelled has its settlement before it
                    await asyncio.wait({*self._tasks, asyncio.create_task(asyncio.sleep(0.01))})
        except TimeoutError:
            _log.error("not_drained", calls=len(self._charges))

    async def _settle(self, charge: Charge) -> Settled:
        assert charge.ending is not None
        try:
            settled = await self.gate.settle(
                charge.call, charge.admitted, charge.ending, hold_n=charge.meter.hold_n
            )
        finally:
            self._charges.pop(charge.call.request_id.int, None)
        if settled.outcome == "unknown":
            _log.error("settled_unknown_call", request_id=str(charge.call.request_id))
        return settled
