from types import SimpleNamespace

import pytest

from core.errors import BadRequest, TooLarge
from proxy.upstream.heads import CLIENTS_FAULT, MISCONFIGURED, Unusable, check, refuse
from proxy.upstream.reader import Head
from tests.proxy.routing.offers import offer

PROVIDER = offer("acme").provider
STREAM = {b"content-type": b"text/event-stream; charset=utf-8"}


@pytest.mark.parametrize(
    ("fields", "stream"), [({}, False), (STREAM, True), ({b"content-encoding": b"Identity"}, False)]
)
def test_a_good_head_passes(fields, stream):
    check(Head(200, fields), PROVIDER, stream=stream)


@pytest.mark.parametrize(
    ("status", "fields", "told", "at_once", "pause_ms"),
    [
        (401, {}, MISCONFIGURED, True, None),
        (402, {}, MISCONFIGURED, True, None),
        (403, {}, MISCONFIGURED, True, None),
        (404, {}, "status 404", False, None),
        (408, {b"retry-after": b"7"}, "status 408", False, None),
        (409, {}, "status 409", False, None),
        (429, {}, "status 429", False, None),
        (429, {b"retry-after": b"7"}, "status 429", False, 7_000),
        (429, {b"retry-after": b"soon"}, "status 429", False, None),
        (503, {b"retry-after": b"0"}, "status 503", False, 0),
        (500, {b"retry-after": b"7"}, "status 500", False, None),
        (302, {}, "status 302", False, None),
        (200, {b"content-encoding": b"gzip"}, "an encoding that was not asked for", False, None),
        (200, {b"content-type": b"application/json"}, "not a stream", False, None),
        (200, {}, "not a stream", False, None),
    ],
)
def test_what_cannot_be_relayed_says_why_and_what_it_tells_of_the_offer(
    status, fields, told, at_once, pause_ms
):
    with pytest.raises(Unusable) as error:
        check(Head(status, fields), PROVIDER, stream=True)

    assert (str(error.value), error.value.at_once, error.value.pause_ms) == (told, at_once, pause_ms)
    assert error.value.for_all == (status == 401)  # the others may be of what this call asks


@pytest.mark.parametrize("status", sorted(CLIENTS_FAULT))
async def test_a_client_is_told_what_the_provider_finds_wrong_and_which(status):
    async def whole(_limit):
        return b'{"error": {"message": "too hot"}}'

    connection = SimpleNamespace(head=Head(status, {}), whole=whole)

    with pytest.raises(TooLarge if status == 413 else BadRequest) as refused:
        await refuse(connection, PROVIDER)

    assert refused.value.message == "The provider acme refused the request: too hot"
    assert refused.value.metadata == {"provider_name": "acme"}
