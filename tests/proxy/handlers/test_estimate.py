"""What a call would hold and cost, asked before it is made."""

import json
from decimal import Decimal

from tests.proxy.conftest import ask


async def estimate(relay, caller, body):
    headers = {"Authorization": f"Bearer {caller.secret}"}
    async with relay.session.post(f"{relay.url}/v1/cost/estimate", json=body, headers=headers) as response:
        return response.status, json.loads(await response.text(), parse_float=Decimal)


async def test_a_call_is_priced_without_being_made(relay, caller, simulator, books):
    body = ask(max_tokens=1000)

    status, told = await estimate(relay, caller, body)

    # 42 bytes of text: 23 of the message, 4 of its role, 15 of the other fields. Beside them 11 bytes of names.
    assert status == 200
    assert told["input_tokens"] == {"estimate": 11 + 4, "at_most": 53 // 2 + 8}
    assert told["output_tokens"] == {"at_most": 1000}
    # 34 tokens at 150 nano-dollars and 1000 at 600, and 10 % fee: 605,100 x 1.1.
    assert told["cost"]["at_most"] == Decimal("0.00066561")
    assert told["hold"]["full"] == told["cost"]["at_most"]
    assert told["offers"] == [{"provider": "acme", **told["cost"]}]
    assert simulator.truth.records() == []
    assert books.holds() == []
    assert books.events() == []


async def test_every_offer_is_priced(relay, caller, make, simulator):
    make.provider("dear", base_url=simulator.api_base)
    make.offer("acme/tiny", provider="dear", prices={"input": "1.5", "output": "6"})
    await relay.deps.catalog.refresh()

    _, told = await estimate(relay, caller, ask(max_tokens=1000))

    cheap, dear = told["offers"]
    assert (cheap["provider"], dear["provider"]) == ("acme", "dear")
    assert dear["at_most"] == 10 * cheap["at_most"] == told["hold"]["full"]
    assert told["cost"]["input"] == cheap["input"]


async def test_what_a_call_would_be_refused_for_is_told_here_too(relay, caller):
    status, told = await estimate(relay, caller, ask("acme/tinny"))
    unread, _ = await estimate(relay, caller, {"model": "acme/tiny", "messages": []})
    unknown, _ = await estimate(relay, type(caller)(caller.user, caller.key, "nonsense"), ask())

    assert (status, unread, unknown) == (404, 400, 401)
    assert "acme/tiny" in told["error"]["message"]
