"""What is asked where there is nothing, or in another way than it is served."""

import pytest

from tests.proxy.test_statuses import RATES, check


async def asked(relay, method, path, secret=None):
    headers = {"x-api-key": secret} if secret else {}
    async with relay.session.request(method, relay.url + path, headers=headers) as response:
        return response, await response.json()


@pytest.mark.parametrize(
    ("path", "allowed", "form"),
    [
        ("/chat/completions", "POST", "chat"),
        ("/messages", "POST", "messages"),
        ("/cost/estimate", "POST", "chat"),
        ("/models", "GET", "chat"),
        ("/models/acme/tiny", "GET", "chat"),
    ],
)
@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_another_method_is_refused_in_the_shape_of_the_format(relay, prefix, path, allowed, form):
    response, document = await asked(relay, "PUT", prefix + path)

    check(form, 405, response, document)
    assert (response.status, response.headers["Allow"]) == (405, allowed)
    assert f"takes {allowed} only" in document["error"]["message"]


@pytest.mark.parametrize("shown", [None, "nonsense"])
async def test_a_key_that_is_none_changes_nothing_of_that(relay, shown):
    response, _ = await asked(relay, "DELETE", "/v1/messages", shown)

    assert response.status == 405
    assert not any(name in response.headers for name in RATES)
