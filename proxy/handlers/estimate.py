"""POST /cost/estimate: what a call in any format would hold and cost, without making it."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from core.errors import BadRequest
from core.rules.prices import Usage, cost_of, worst_charge
from proxy import answers
from proxy.answers import dollars
from proxy.catalog import Offer, Snapshot
from proxy.crossing import Crossing
from proxy.deps import Deps
from proxy.endpoints import ENDPOINTS
from proxy.errors import REQUEST_ID
from proxy.grants import credential
from proxy.handlers.model_calls import Endpoint, may_call, parse, read_body
from proxy.pdf.inputs import models_of
from proxy.plan import Plan, plan_chat
from proxy.rates import tell_rate

NAMED: Mapping[str, Endpoint] = {endpoint.path.split("/")[1]: endpoint for endpoint in ENDPOINTS}
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def estimate(request: web.Request, deps: Deps) -> web.StreamResponse:
    """The body is that of the call. Nothing is held, counted or sent on."""
    secret = credential(request)
    grant = await may_call(request, deps, secret)
    body = await read_body(request, deps.settings)
    endpoint = endpoint_of(body, request.query.get("endpoint"), deps.catalog.now)
    parsed = await parse(body, deps, endpoint.parse)
    await deps.grants.with_models(grant, secret, models_of(parsed, deps.catalog.now))
    parsed = await deps.pdfs.prepare(parsed, deps.catalog.now, wallet_id=grant.caller.wallet_id)
    plan = plan_chat(
        parsed,
        deps.catalog.now,
        output_cap=deps.settings.output_cap_tokens,
        slice_tokens=deps.settings.slice_tokens,
    )
    plan = await Crossing(endpoint.way, parsed, deps.large_bodies).only_sayable(plan)
    answer = web.Response(
        body=answers.encode(described(plan)),
        content_type="application/json",
        headers=answers.headers(request[REQUEST_ID]),
    )
    await tell_rate(request, answer, deps)
    return answer


def endpoint_of(body: bytes, named: str | None, snapshot: Snapshot) -> Endpoint:
    """Where such a body goes: as it is named, else by what it holds. What holds nothing of them is for chat.

    Chat and messages hold the same: the latter have to be named. Raises BadRequest for an unknown name.
    """
    if named is not None:
        if named not in NAMED:
            raise BadRequest(f"endpoint must be one of {', '.join(NAMED)}.", param="endpoint")
        return NAMED[named]
    fields = _fields_of(body)
    if "messages" in fields:
        return NAMED["chat"]
    if "input" in fields:
        return NAMED["embeddings" if _is_of_embeddings(fields, snapshot) else "responses"]
    return NAMED["completions" if "prompt" in fields else "chat"]


def _fields_of(body: bytes) -> Mapping[str, msgspec.Raw]:
    try:
        return _raw_fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # whoever reads it says what is wrong
        return {}


def _is_of_embeddings(fields: Mapping[str, msgspec.Raw], snapshot: Snapshot) -> bool:
    try:
        model = snapshot.models.get(msgspec.json.decode(fields.get("model", b"null"), type=str))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return model is not None and model.mode == "embedding"


def described(plan: Plan) -> dict[str, object]:
    """What is known of a call before it is made. Amounts are charges in USD, the fee in them."""
    want = plan.want
    return {
        "object": "cost.estimate",
        "model": plan.model.id,
        "currency": "USD",
        "input_tokens": {"estimate": plan.input.estimate, "at_most": plan.input.at_most},
        "output_tokens": {"at_most": plan.output_tokens},
        "hold": {
            "full": dollars(want.full_n),  # held where the balance covers it
            "first": dollars(want.slice_n),  # else a stream begins with this, and holds more as it grows
            "least": dollars(min(want.floor_n, want.full_n)),  # what there must be for it to begin
        },
        "cost": {
            **({"file_parser": dollars(plan.extra_n)} if plan.extra_n else {}),
            "input": dollars(min(_input_n(plan, offer) for offer in plan.offers)),
            "at_most": dollars(want.full_n),
        },
        "offers": [_offer(plan, offer) for offer in plan.offers],
    }


def _offer(plan: Plan, offer: Offer) -> dict[str, object]:
    size, output, terms = plan.input.at_most, plan.output_tokens, plan.model.terms
    most_n = worst_charge([offer.card], input_tokens=size, output_tokens=output, terms=terms)
    return {
        "provider": offer.provider.name,
        "input": dollars(_input_n(plan, offer)),
        "at_most": dollars(most_n + plan.extra_n),
    }


def _input_n(plan: Plan, offer: Offer) -> int:
    """What the input alone probably costs there (charge)."""
    usage = Usage(input_tokens=plan.input.estimate)
    return cost_of(usage, offer.card, plan.model.terms).charge_n
