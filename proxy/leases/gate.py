"""The gate of path (c): one round trip to Redis admits a call; its end is spooled, then settled there."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from core.charging.calls import Admitted, Call, Ending, Settled, Stale, Verdict
from core.charging.generations import Life
from core.counters import replies, requests
from core.counters.replies import Again, Extension, Held
from core.counters.requests import Request, Terms
from core.errors import Unavailable
from proxy.clock import Clock
from proxy.gate import Report
from proxy.global_breaker import GlobalBreaker
from proxy.leases.generations import Generations
from proxy.leases.lender import Lender
from proxy.leases.settler import Settler
from proxy.store.errors import Away, Broken
from proxy.store.store import Answer, Store
from proxy.trips import Trips

TRIES = 8  # what is missing is fetched and the call asked again, so often at most
SETTLE_WAIT_S = 1.0
AWAY_RETRY_S = 5
NO_LIMITS = "The service cannot check limits right now. Try again."
_log = structlog.get_logger()


class ClockMoved(Exception):
    """Redis has another day than the request id: the call needs a new one."""


class LeaseGate:
    """Admits on leased money. PostgreSQL is asked only for what Redis does not know yet."""

    def __init__(
        self,
        store: Store,
        *,
        generations: Generations,
        lender: Lender,
        settler: Settler,
        clock: Clock,
        trips: Trips,
        breaker: GlobalBreaker,
        boot_id: UUID,
        hold_s: int,
    ) -> None:
        self._store = store
        self._generations = generations
        self._lender = lender
        self._settler = settler
        self._clock = clock
        self._trips = trips
        self._breaker = breaker
        self._boot_id = boot_id
        self._ttl_ms = hold_s * 1000

    async def admit(self, call: Call) -> Verdict:
        if self._settler.spool.is_broken:
            raise Unavailable("The service cannot keep its books right now. Try again.", retry_after_s=5)
        try:
            return await self._admit(call)
        except (Away, Broken) as error:
            _log.warning("admission_failed", request_id=str(call.request_id), error=type(error).__name__)
            raise Unavailable(NO_LIMITS, retry_after_s=AWAY_RETRY_S) from None

    async def _admit(self, call: Call) -> Verdict:
        partial, told = self._lender.is_dry(call.caller), False
        for _ in range(TRIES):
            life = self._life()
            answer = await self._ask(call, life, partial=partial)
            match answer:
                case Held():
                    return self._held(call, life, answer)
                case Stale() if not told:  # it may be Redis that is behind
                    told = True
                    await self._lender.tell_versions(call.caller)
                case Again(need="lease"):
                    partial = not await self._lender.lend(call.caller, life, want_n=call.want.full_n)
                case Again():
                    await self._provide(answer, call, life)
                case _:
                    if not isinstance(answer, Stale):
                        self._trips.note(answer, call.caller)
                    return answer
        raise Unavailable("The service is busy with this account. Try again.", retry_after_s=1)

    async def _provide(self, again: Again, call: Call, life: Life) -> None:
        """What an undecided admission is waiting for."""
        match again.need:
            case "generation":
                await self._generations.lost()
                if self._generations.current == life:  # not even PostgreSQL knows another
                    await asyncio.sleep(0.01)
            case "counters":
                await self._lender.load(call.caller, life)
            case "clock":
                self._clock.set(again.ms)
                raise ClockMoved
            case _:
                wait_s = max(1, -(-again.ms // 1000))
                raise Unavailable(
                    "The service is counting what was spent before. Try again.", retry_after_s=wait_s
                )

    async def _ask(self, call: Call, life: Life, *, partial: bool) -> Held | Verdict | Again:
        terms = Terms(life.name, self._boot_id, self._ttl_ms, self._breaker.retry_ms())
        # The request id decides the day, and Redis whether that is today.
        now_ms = call.request_id.int >> 80
        request = requests.admit(call, terms, now_ms=now_ms, partial=partial)
        return replies.admission(await self._run(request, admit=True), call, gen=life.name)

    def _held(self, call: Call, life: Life, held: Held) -> Admitted:
        if held.is_low:
            self._lender.lend_in_background(call.caller, life, want_n=call.want.full_n)
        for shadow in held.shadows:
            self._trips.note(shadow, call.caller)
        return held.admitted

    async def checkpoint(self, running: Sequence[Report]) -> None:
        reports = [report for report in running if report[1].gen]
        for call, _, progress in reports:
            self._breaker.count(call.request_id, progress.cost.upstream_n)
        requested = [
            self._run(requests.checkpoint(call, progress, ttl_ms=self._ttl_ms))
            for call, _, progress in reports
        ]
        for failed in await asyncio.gather(*requested, return_exceptions=True):
            if isinstance(failed, BaseException):
                raise failed

    async def extend(self, call: Call, admitted: Admitted, *, more_n: int) -> int:
        """What there is of it; 0 when nothing is left or nobody can be asked."""
        partial = self._lender.is_dry(call.caller)
        for _ in range(TRIES):
            life = self._life()
            if life.name != admitted.gen:  # Redis lost the hold; what it was is all there is
                return 0
            request = requests.extend(call, more_n=more_n, partial=partial)
            match replies.extension(await self._run(request)):
                case Extension(added_n, is_low):
                    if is_low:
                        self._lender.lend_in_background(call.caller, life, want_n=more_n)
                    return added_n
                case Again(need="lease"):
                    partial = not await self._lender.lend(call.caller, life, want_n=more_n)
                case _:
                    await self._generations.lost()
        return 0

    async def settle(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled:
        """Spool the end, then settle in Redis: in the background, where the hold covers the charge."""
        self._breaker.end(call.request_id, ending.cost.upstream_n)
        charge_n = ending.cost.charge_n
        if charge_n > hold_n:
            hold_n += await self._stretch(call, admitted, charge_n - hold_n)
        end = requests.ended(call, ending, gen=admitted.gen, hold_n=hold_n)
        spooled = self._spool(end)
        task = self._settler.send(end)
        if spooled and charge_n <= hold_n:
            return Settled("settled", charge_n)
        try:
            async with asyncio.timeout(SETTLE_WAIT_S if spooled else None):
                return Settled("settled", await asyncio.shield(task))
        except TimeoutError:
            return Settled("settled", min(charge_n, hold_n))

    async def _stretch(self, call: Call, admitted: Admitted, more_n: int) -> int:
        try:
            return await self.extend(call, admitted, more_n=more_n)
        except (Away, Broken, Unavailable):
            return 0

    def _spool(self, end: requests.Settlement) -> bool:
        try:
            self._settler.spool.append(end)
        except OSError as error:
            _log.error("spool_not_written", request_id=str(end.request_id), error=type(error).__name__)
            return False
        return True

    def _life(self) -> Life:
        life = self._generations.current
        if life is None:
            raise Unavailable(NO_LIMITS, retry_after_s=AWAY_RETRY_S)
        return life

    async def _run(self, request: Request, *, admit: bool = False) -> Answer:
        return await self._store.run(
            request.script,
            tag=request.bucket.tag,
            keys=request.keys,
            args=request.args,
            lane="admit" if admit else "settle",
        )
