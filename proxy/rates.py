"""Telling the caller where it stands with its calls a minute. Admission counts and refuses them."""

from aiohttp import web

from core.charging.calls import Admitted, Caller, TooFast, Tripped
from core.rules.admission import Deny
from core.rules.rates import Rate
from proxy.gate import Gate

RATE = web.RequestKey("rate", Rate)


def note_rate(request: web.Request, verdict: Admitted | Deny | TooFast | Tripped) -> None:
    """Keep what admission said of the rate, for the answer's headers."""
    rate = getattr(verdict, "rate", None)
    if rate is not None:
        request[RATE] = rate


async def look_up_rate(request: web.Request, gate: Gate, caller: Caller) -> None:
    """The same for an answer that admission had no part in."""
    if RATE not in request and (rate := await gate.rate(caller)) is not None:
        request[RATE] = rate


def rate_headers(rate: Rate) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(rate.limit),
        "X-RateLimit-Remaining": str(rate.remaining),
        "X-RateLimit-Reset": str(rate.reset),
    }


async def add_rate_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Tell the caller, on success and refusal alike (a signal handler of aiohttp)."""
    rate = request.get(RATE)
    if rate is not None:
        response.headers.update(rate_headers(rate))
