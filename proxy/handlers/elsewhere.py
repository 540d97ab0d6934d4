"""What is asked where no such request is served. The portal, which gets all else, knows nothing of it."""

from aiohttp import web

from core.errors import NotFound, WrongMethod
from proxy.deps import Deps
from proxy.errors import Handler
from proxy.rates import note_whoever_calls


def only(method: str) -> Handler:
    """Refuse every other method."""

    async def refuse(request: web.Request, deps: Deps) -> web.StreamResponse:
        await note_whoever_calls(request, deps)
        raise WrongMethod(method)

    return refuse


def nothing(advice: str) -> Handler:
    """Refuse whatever is asked, and say where to go instead."""

    async def refuse(request: web.Request, deps: Deps) -> web.StreamResponse:
        await note_whoever_calls(request, deps)
        raise NotFound(f"There is nothing at this address. {advice}")

    return refuse
