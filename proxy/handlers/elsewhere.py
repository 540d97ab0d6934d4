"""What is asked where no such request is served. The portal, which gets all else, knows nothing of it."""

from aiohttp import web

from core.errors import WrongMethod
from proxy.deps import Deps
from proxy.errors import Handler
from proxy.rates import note_whoever_calls


def only(method: str) -> Handler:
    """Refuse every other method."""

    async def refuse(request: web.Request, deps: Deps) -> web.StreamResponse:
        await note_whoever_calls(request, deps)
        raise WrongMethod(method)

    return refuse
