"""Offers of providers by name, for what decides between them."""

import json
from uuid import UUID, uuid5

from core.ids import uuid7
from core.rules.prices import PriceCard, Tier
from proxy.catalog import Offer, Provider, Snapshot
from proxy.chat_call import ChatCall
from proxy.plan import plan_chat
from tests.proxy.test_meter import model


def offer(name="acme", *, usd=(1, 2), tiers=(), api_key="k", **rates):
    """At so many dollars per million tokens in and out."""
    prices = {"input": usd[0] * 10**9, "output": usd[1] * 10**9, **rates}
    provider = Provider(uuid5(UUID(int=0), name), name, "openai", f"http://{name}", True, api_key)
    return Offer(provider, "theirs", PriceCard(str(uuid7()), prices, tuple(Tier(*tier) for tier in tiers)))


def plan_of(*offers, fallbacks=(), messages="Hello", **fields):
    """The plan of a call of `acme/tiny` with these offers, and of models it may fall back on."""
    models = {"acme/tiny": model(offers=offers)}
    for number, theirs in enumerate(fallbacks):
        models[f"acme/other{number}"] = model(id=f"acme/other{number}", offers=theirs)
    body = {
        "model": "acme/tiny",
        "messages": [{"role": "user", "content": messages}],
        "models": list(models)[1:],
        **fields,
    }
    call = ChatCall.parse(json.dumps(body).encode())
    return plan_chat(call, Snapshot(1, models), output_cap=131_072, slice_tokens=2048)
