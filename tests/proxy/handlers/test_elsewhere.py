"""What is asked where there is nothing, or in another way than it is served."""

import pytest

from tests.proxy.test_statuses import RATES, check


async def asked(relay, method, path, secret=None):
    headers = {"x-api-key": secret} if secret else {}
    async with relay.session.request(method, relay.url + path, headers=headers) as response:
        return response, await response.json()


OTHER_METHODS = [
    ("/v1/chat/completions", "POST", "chat"),
    ("/api/v1/messages", "POST", "messages"),
    ("/v1/messages", "POST", "messages"),
    ("/v1/cost/estimate", "POST", "chat"),
    ("/api/v1/models", "GET", "chat"),
    ("/v1/models/acme/tiny", "GET", "chat"),
]


async def test_another_method_is_refused_in_the_shape_of_the_format(relay):
    for path, allowed, form in OTHER_METHODS:
        response, document = await asked(relay, "PUT", path)

        check(form, 405, response, document)
        assert (response.status, response.headers["Allow"]) == (405, allowed), path
        assert f"takes {allowed} only" in document["error"]["message"]


@pytest.mark.parametrize("shown", [None, "nonsense"])
async def test_a_key_that_is_none_changes_nothing_of_that(relay, shown):
    response, _ = await asked(relay, "DELETE", "/v1/messages", shown)

    assert response.status == 405
    assert not any(name in response.headers for name in RATES)


BELOW_MESSAGES = [
    ("POST", "/v1", "/messages/count_tokens?beta=true"),
    ("POST", "/api/v1", "/messages/count_tokens"),
    ("POST", "/v1", "/messages/batches"),
    ("GET", "/v1", "/messages/batches/msgbatch_1/results"),
    ("POST", "/v1", "/messages/"),
]


async def test_below_messages_there_is_nothing_and_it_says_what_to_use_instead(relay, caller):
    for method, prefix, path in BELOW_MESSAGES:
        response, document = await asked(relay, method, prefix + path, caller.secret)

        check("messages", 404, response, document)
        message = document["error"]["message"]
        assert response.status == 404
        assert f"POST {prefix}/messages." in message
        assert f"POST {prefix}/cost/estimate?endpoint=messages," in message
        assert all(name in response.headers for name in RATES)


async def test_what_is_named_instead_serves(relay, caller):
    body = {"model": "acme/tiny", "max_tokens": 7, "messages": [{"role": "user", "content": "Hi"}]}

    for path in ("/v1/messages", "/v1/cost/estimate?endpoint=messages"):
        async with relay.post(caller.secret, body, path=path) as response:
            assert response.status == 200


async def test_below_v1_the_relay_answers_for_itself(start_relay, tiny, caller):
    """The portal would send a page."""
    relay = await start_relay(portal_url="http://127.0.0.1:9")

    for path in ("/v1/", "/v1/moderations", "/v1/models/", "/v1/chat/completions/c1/messages"):
        response, document = await asked(relay, "POST", path, caller.secret)

        check("chat", 404, response, document)
        assert response.status == 404
        assert "POST /v1/chat/completions, /v1/completions, " in document["error"]["message"]
        assert all(name in response.headers for name in RATES)


async def test_below_api_v1_the_portal_has_the_rest(start_relay, tiny):
    relay = await start_relay(portal_url="http://127.0.0.1:9")

    response, _ = await asked(relay, "GET", "/api/v1/keys")

    assert response.status == 503  # there is none
