"""GET /models and /models/{author}/{name}: the catalogue for everybody."""

from functools import lru_cache

from aiohttp import web

from core.errors import NotFound
from core.money import usd
from core.rules.prices import MILLION
from proxy import answers
from proxy.catalog import Model, Snapshot
from proxy.deps import Deps
from proxy.errors import REQUEST_ID
from proxy.grants import credential
from proxy.rates import note_caller, tell_rate

PUBLIC_NAMES = {
    "input": "prompt",
    "output": "completion",
    "cached_read": "input_cache_read",
    "cache_write": "input_cache_write",
    "reasoning": "internal_reasoning",
}


async def models(request: web.Request, deps: Deps) -> web.StreamResponse:
    """Public; but a key that is shown must be a good one, so that `models` can be used to test a key."""
    await _check_key(request, deps)
    return await _json(request, deps, listing(deps.catalog.now))


async def one_model(request: web.Request, deps: Deps) -> web.StreamResponse:
    """One of them, by its id, with its slash as it is or as %2F."""
    await _check_key(request, deps)
    model = deps.catalog.now.model(request.match_info["id"])
    if model.card is None:
        raise NotFound(f"{model.id} has no price, so it cannot be called.", code="model_not_found")
    return await _json(request, deps, answers.encode(describe(model)))


async def _check_key(request: web.Request, deps: Deps) -> None:
    secret = credential(request)
    if secret is not None:
        grant = await deps.grants.find(secret, fresh=True)
        note_caller(request, grant.caller)


async def _json(request: web.Request, deps: Deps, body: bytes) -> web.Response:
    answer = web.Response(
        body=body, content_type="application/json", headers=answers.headers(request[REQUEST_ID])
    )
    await tell_rate(request, answer, deps)
    return answer


@lru_cache(maxsize=1)
def listing(snapshot: Snapshot) -> bytes:
    """The whole list, written once for each state of the catalogue: anybody may ask for it, often."""
    listed = [describe(model) for model in snapshot.models.values() if model.card is not None]
    return answers.encode({"object": "list", "data": listed})


def describe(model: Model) -> dict[str, object]:
    """A model as clients see it. Prices are USD for one unit (a token, an image, ...), as text."""
    assert model.card is not None
    modality = f"{'+'.join(model.input_modalities)}->{'+'.join(model.output_modalities)}"
    return {
        "id": model.id,
        "object": "model",
        "created": int(model.created_at.timestamp()),
        "owned_by": model.id.split("/", 1)[0],
        "name": model.name,
        "context_length": model.context,
        "architecture": {
            "modality": modality,
            "input_modalities": model.input_modalities,
            "output_modalities": model.output_modalities,
        },
        "pricing": {PUBLIC_NAMES.get(name, name): price(rate) for name, rate in model.card.rates.items()},
        "top_provider": {"context_length": model.context, "max_completion_tokens": model.max_output},
        "supported_parameters": model.supported_parameters,
        "available": bool(model.offers),
    }


def price(rate: int) -> str:
    """USD for one unit, exact: a rate of 150_000_000 is "0.00000015"."""
    return f"{usd(rate) / MILLION:f}"
