"""The gate of an installation that goes on without Redis: calls are then admitted in PostgreSQL.

Path (c) while a generation is open, path (a) while nobody has Redis. A call ends where it was admitted. What
PostgreSQL does not count (calls a minute, breakers) each proxy keeps by itself, in shares.
"""

import asyncio
from collections.abc import Sequence

from msgspec import structs

from core.charging.calls import Admitted, Call, Caller, Ending, Settled, Verdict
from core.errors import Unavailable
from core.rules.rates import Rate
from proxy.gate import Gate, GenerationOpen, PostgresGate, Report
from proxy.global_breaker import GlobalBreaker
from proxy.leases.local_limits import LocalLimits, Taken
from proxy.leases.vacancy import Vacancy
from proxy.trips import Trips

WALLET_AT_ONCE = 50  # calls of one wallet: in PostgreSQL they are admitted one after the other


class FallbackGate:
    """Decides for each call, and remembers by its hold what was decided."""

    def __init__(
        self,
        leases: Gate,
        postgres: PostgresGate,
        *,
        vacancy: Vacancy,
        limits: LocalLimits,
        trips: Trips,
        breaker: GlobalBreaker,
    ) -> None:
        self._leases = leases
        self._postgres = postgres
        self._vacancy = vacancy
        self._limits = limits
        self._trips = trips
        self._breaker = breaker

    async def admit(self, call: Call) -> Verdict:
        if self._vacancy.is_vacant:
            try:
                return await self._admit_here(call)
            except GenerationOpen:  # before we noticed
                await self._vacancy.ended()
        verdict = await self._leases.admit(call)
        if isinstance(verdict, Admitted):
            self._limits.began(call)
        return verdict

    async def _admit_here(self, call: Call) -> Verdict:
        if call.caller.quotas:
            raise Unavailable("The service cannot count quotas right now. Try again.", retry_after_s=5)
        taken = self._limits.take(call, proxies=self._vacancy.proxies)
        if not isinstance(taken, Taken):
            self._trips.note(taken, call.caller)
            return taken
        verdict: Verdict | None = None
        try:
            verdict = await self._postgres.admit(call)
        finally:
            if not isinstance(verdict, Admitted):
                self._limits.give_back(call, taken)
        for shadow in taken.shadows:
            self._trips.note(shadow, call.caller)
        return structs.replace(verdict, rate=taken.rate) if isinstance(verdict, Admitted) else verdict

    async def void(self, call: Call) -> None:
        """On either path: nobody knows on which it was."""
        await self._leases.void(call)
        await self._postgres.void(call)

    async def rate(self, caller: Caller) -> Rate | None:
        if self._vacancy.is_vacant:
            return self._limits.rate(caller, proxies=self._vacancy.proxies)
        return await self._leases.rate(caller)

    async def checkpoint(self, running: Sequence[Report]) -> None:
        """Of the one path and of the other, whichever of them can be reached."""
        for call, _, progress in running:
            self._limits.count(call, progress.cost.upstream_n)
        here = [report for report in running if not report[1].gen]
        there = [report for report in running if report[1].gen]
        done = await asyncio.gather(
            self._leases.checkpoint(there), self._postgres.checkpoint(here), return_exceptions=True
        )
        for failed in done:
            if failed is not None:
                raise failed

    async def extend(self, call: Call, admitted: Admitted, *, more_n: int) -> int:
        return await self._path(admitted).extend(call, admitted, more_n=more_n)

    def settle_now(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled | None:
        settled = self._path(admitted).settle_now(call, admitted, ending, hold_n=hold_n)
        if settled is not None:
            self._limits.count(call, ending.cost.upstream_n)
            self._limits.ended(call)
        return settled

    async def settle(self, call: Call, admitted: Admitted, ending: Ending, *, hold_n: int) -> Settled:
        self._limits.count(call, ending.cost.upstream_n)
        if not admitted.gen and not self._vacancy.is_vacant:  # what ended before is known from the books
            self._breaker.end(call.request_id, ending.cost.upstream_n)
        try:
            return await self._path(admitted).settle(call, admitted, ending, hold_n=hold_n)
        finally:
            self._limits.ended(call)

    def _path(self, admitted: Admitted) -> Gate:
        return self._leases if admitted.gen else self._postgres
