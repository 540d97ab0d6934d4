"""POST /cost/estimate: what a chat call would hold and cost, without making it."""

from aiohttp import web

from core.rules.prices import Usage, cost_of, worst_charge
from proxy import answers
from proxy.answers import dollars
from proxy.catalog import Offer
from proxy.chat_call import ChatCall
from proxy.deps import Deps
from proxy.errors import REQUEST_ID
from proxy.grants import credential
from proxy.handlers.model_calls import parse, read_body
from proxy.pdf.inputs import models_of
from proxy.plan import Plan, plan_chat


async def estimate(request: web.Request, deps: Deps) -> web.StreamResponse:
    """The body is that of the call. Nothing is held, counted or sent on."""
    secret = credential(request)
    grant = await deps.grants.find_for_models(secret)
    deps.floods.check(grant.caller)
    parsed = await parse(await read_body(request, deps.settings), deps, ChatCall.parse)
    await deps.grants.with_models(grant, secret, models_of(parsed, deps.catalog.now))
    parsed = await deps.pdfs.prepare(parsed, deps.catalog.now, wallet_id=grant.caller.wallet_id)
    plan = plan_chat(
        parsed,
        deps.catalog.now,
        output_cap=deps.settings.output_cap_tokens,
        slice_tokens=deps.settings.slice_tokens,
    )
    return web.Response(
        body=answers.encode(described(plan)),
        content_type="application/json",
        headers=answers.headers(request[REQUEST_ID]),
    )


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
