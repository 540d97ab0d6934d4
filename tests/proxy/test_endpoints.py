"""Every format has its address, below both prefixes, and its own shape of error."""

import pytest

from proxy.app import PREFIXES
from proxy.endpoints import ENDPOINTS

PATHS = [f"{prefix}{endpoint.path}" for prefix in PREFIXES for endpoint in ENDPOINTS]


@pytest.mark.parametrize("path", PATHS)
async def test_a_call_wants_a_key(relay, path):
    async with relay.session.post(relay.url + path, json={}) as response:
        document = await response.json()

    assert response.status == 401
    assert document["error"]["message"] == "Invalid or disabled API key."
    assert document.get("type") == ("error" if path.endswith("/messages") else None)


@pytest.mark.parametrize("path", PATHS)
async def test_a_call_is_posted(relay, path):
    async with relay.session.get(relay.url + path) as response:
        document = await response.json()

    assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert document.get("type") == ("error" if path.endswith("/messages") else None)


async def test_a_key_may_come_as_anthropics_clients_send_it(relay, caller):
    body = {"model": "acme/tiny", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}

    async with relay.session.post(
        relay.url + "/v1/messages", json=body, headers={"x-api-key": caller.secret}
    ) as response:
        document = await response.json()

    assert (response.status, document["type"], document["stop_reason"]) == (200, "message", "max_tokens")
