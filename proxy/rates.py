"""Telling the caller where it stands with its calls a minute. Admission counts and refuses them."""

from contextlib import suppress

from aiohttp import web

from core.charging.calls import Admitted, Caller, TooFast, Tripped
from core.errors import Refused
from core.rules.admission import Deny
from core.rules.rates import Rate
from proxy.deps import Deps
from proxy.floods import Flooding
from proxy.grants import credential

RATE, CALLER = web.RequestKey("rate", Rate), web.RequestKey("caller", Caller)


def note_rate(request: web.Request, verdict: Admitted | Deny | TooFast | Tripped) -> None:
    """Keep what admission said of the rate, for the answer's headers."""
    rate = getattr(verdict, "rate", None)
    if rate is not None:
        request[RATE] = rate


def note_caller(request: web.Request, caller: Caller) -> None:
    """Keep who calls: whatever becomes of the request, its answer can tell the rate."""
    request[CALLER] = caller


def count_refused(request: web.Request, refused: Refused, deps: Deps) -> None:
    """Count a refusal, whatever it is for, against the limit refusals have; but not that limit's own."""
    caller = request.get(CALLER)
    if caller is not None and not isinstance(refused, Flooding):
        deps.floods.count(caller)


async def note_whoever_calls(request: web.Request, deps: Deps) -> None:
    """The same for a request that is refused to everybody. A key that is none changes nothing of that."""
    with suppress(Refused):
        note_caller(request, (await deps.grants.find(credential(request))).caller)


async def tell_rate(request: web.Request, response: web.StreamResponse, deps: Deps) -> None:
    """Tell the caller, if it is known who that is: what admission said, else what it would say now.

    To look that up uses up nothing. When nobody can be asked the answer goes without.
    """
    rate, caller = request.get(RATE), request.get(CALLER)
    if rate is None and caller is not None:
        rate = await _look_up(caller, deps)
    if rate is not None:
        response.headers.update(rate_headers(rate))


async def _look_up(caller: Caller, deps: Deps) -> Rate | None:
    wait_s = deps.floods.wait_s(caller)
    if wait_s > 0:  # whatever is left of the minute, no call is let through until then
        return Rate(caller.rpm, 0, -(-deps.clock.now_ms() // 1000) + wait_s)
    return await deps.running.gate.rate(caller)


def rate_headers(rate: Rate) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(rate.limit),
        "X-RateLimit-Remaining": str(rate.remaining),
        "X-RateLimit-Reset": str(rate.reset),
    }
