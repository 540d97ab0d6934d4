"""The gate of path (c): one round trip to Redis admits a call; its end is spooled, then settled there."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import msgspec
import structlog

from core.charging.calls import Admitted, Call, Caller, Ending, Settled, Stale, Verdict
from core.charging.generations import Life
from core.counters import replies, requests
from core.counters.keys import wallet_keys
from core.counters.replies import Again, Extension, Held
from core.counters.requests import Request, Terms
from core.counters.standing import rate_field
from core.errors import Unavailable
from core.rules.prices import Cost, Usage
from core.rules.rates import Rate
from proxy.clock import Clock
from proxy.gate import GONE, Report
from proxy.global_breaker import GlobalBreaker
from proxy.leases.generations import Generations
from proxy.leases.lender import Lender
from proxy.leases.settler import Settler
from proxy.store.errors import Away, Broken, Fenced
from proxy.store.store import Answer, Store
from proxy.trips import Trips

TRIES = 8  # what is missing is fetched and the call asked again, so often at most
SETTLE_WAIT_S = 1.0
LOST = Ending(
    provider="", usage=Usage(), cost=Cost(), status=Unavailable.status, reason=Unavailable.reason
)  # how a call ends that may have been admitted, and was refused
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
        self._boot = boot_id.hex.encode()
        self._ttl_ms = hold_s * 1000
        self._ending: set[asyncio.Task[int]] = set()

    async def admit(self, call: Call) -> Verdict:
        if self._settler.spool.is_broken:
            raise Unavailable("The service cannot keep its books right now. Try again.", retry_after_s=5)
        try:
            return await self._admit(call)
        except (Away, Broken) as error:
            _log.warning("admission_failed", request_id=str(call.request_id), error=type(error).__name__)
            raise Unavailable(NO_LIMITS, retry_after_s=AWAY_RETRY_S) from None
        finally:
            self._generations.asking.pop(call.request_id.int, None)

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
                if not await self._generations.lost():
                    raise Unavailable("The service is recovering. Try again.", retry_after_s=2)
            case "counters":
                await self._lender.load(call.caller, life, now_ms=call.made_ms)
            case "clock":
                self._clock.set(again.ms)
                raise ClockMoved
            case _:
                wait_s = max(1, -(-again.ms // 1000))
                raise Unavailable(
                    "The service is counting what was spent before. Try again.", retry_after_s=wait_s
                )

    async def _ask(self, call: Call, life: Life, *, partial: bool) -> Held | Verdict | Again:
        terms = Terms(life.name, self._boot, self._ttl_ms, self._breaker.retry_ms())
        request = requests.admit(call, terms, now_ms=call.made_ms, partial=partial)
        self._generations.asking[call.request_id.int] = life
        try:
            reply = await self._store.run(
                request.script, tag=request.bucket.tag, keys=request.keys, args=request.args, lane="calls"
            )
        except Fenced:  # nothing was sent
            raise
        except Away:
            self._void(call, life, LOST)
            raise
        return replies.admission(reply, call, gen=life.name)

    async def void(self, call: Call) -> None:
        life = self._generations.current
        if life is not None:  # else what was held is lost with its generation
            self._void(call, life, GONE)

    def _void(self, call: Call, life: Life, ending: Ending) -> None:
        """The call may hold money, or will when the server comes to it: settle it at nothing, in any order.

        It is not spooled: should this process die too, the hold is swept at its deadline, at nothing as well.
        """
        self._settler.send(requests.ended(call, ending, gen=life.name, hold_n=0))

    def _held(self, call: Call, life: Life, held: Held) -> Admitted:
        if held.is_low:
            self._lender.lend_in_background(call.caller, life, want_n=call.want.full_n)
        for shadow in held.shadows:
            self._trips.note(shadow, call.caller)
        return held.admitted

    async def rate(self, caller: Caller) -> Rate | None:
        if caller.rpm == 0:
            return None
        keys, ask = wallet_keys(caller.bucket, caller.wallet_id), self._store.command
        tag, field = keys.bucket.tag, rate_field(caller)
        try:  # by the clock there, read last: to one that is behind, calls just admitted would count twice
            arrival, now = await asyncio.gather(ask(tag, "HGET", keys.rates, field), ask(tag, "TIME"))
        except (Away, Broken):
            return None
        return replies.rate(arrival, now, limit=caller.rpm)

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
                case _:  # a generation without its mark: the hold is lost
                    return 0
        return 0

    def settle_now(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled | None:
        """Spool the end, and have it settled in the background: what the hold covers needs no answer."""
        charge_n = ending.cost.charge_n
        if charge_n > hold_n:
            return None
        end = requests.ended(call, ending, gen=admitted.gen, hold_n=hold_n)
        if not self._settler.write_down(end):
            return None
        self._breaker.end(call.request_id, ending.cost.upstream_n)
        self._settler.send(end, lazy=True)
        return Settled("settled", charge_n)

    async def settle(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled:
        """The same for a charge above its hold, or when the spool does not take it: Redis must answer."""
        try:
            return await self._settle(call, admitted, ending, hold_n=hold_n)
        finally:  # not before: until now the call may have been checkpointed, and counted, once more
            self._breaker.end(call.request_id, ending.cost.upstream_n)

    async def _settle(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled:
        end = requests.ended(call, ending, gen=admitted.gen, hold_n=hold_n)
        spooled = self._settler.write_down(end)
        task = asyncio.get_running_loop().create_task(self._end(call, admitted, end))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        try:
            async with asyncio.timeout(SETTLE_WAIT_S if spooled else None):
                return Settled("settled", await asyncio.shield(task))
        except TimeoutError:
            return Settled("settled", min(end.charge_n, hold_n))

    async def _end(self, call: Call, admitted: Admitted, end: requests.Settlement) -> int:
        more_n = end.charge_n - end.hold_n
        if more_n > 0:
            added_n = await self._stretch(call, admitted, more_n)
            end = msgspec.structs.replace(end, hold_n=end.hold_n + added_n)
        return await self._settler.send(end)

    async def _stretch(self, call: Call, admitted: Admitted, more_n: int) -> int:
        try:
            return await self.extend(call, admitted, more_n=more_n)
        except (Away, Broken, Unavailable):
            return 0

    def _life(self) -> Life:
        life = self._generations.current
        if life is None:
            raise Unavailable(NO_LIMITS, retry_after_s=AWAY_RETRY_S)
        return life

    async def _run(self, request: Request) -> Answer:
        return await self._store.run(
            request.script, tag=request.bucket.tag, keys=request.keys, args=request.args
        )
