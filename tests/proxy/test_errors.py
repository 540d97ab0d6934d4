import json
import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request

from core.errors import Forbidden, UpstreamFailed
from core.ids import created_at
from proxy.clock import Clock
from proxy.errors import REQUEST_ID, answered
from proxy.running import ClientGone

A_DAY = timedelta(days=1)


def a_request(**headers):
    return make_mocked_request("POST", "/", headers=headers)


def raising(error):
    """An endpoint of a relay that has nothing but a clock, which is a day ahead."""
    clock = Clock()
    clock.set(A_DAY // timedelta(milliseconds=1), at_ms=0)

    async def handler(_request, _deps):
        raise error

    return answered(handler, SimpleNamespace(clock=clock))


async def test_a_refusal_becomes_its_answer_under_an_id_of_ours():
    request = a_request(**{"X-Request-Id": "theirs"})

    answer = await raising(Forbidden("Not you."))(request)

    assert answer.status == 403
    assert uuid.UUID(answer.headers["X-Request-Id"]) == request[REQUEST_ID]
    assert request[REQUEST_ID].version == 7
    assert answer.headers["X-Provider"] == "none"


async def test_the_id_is_of_the_day_it_is_in_redis():
    request = a_request()
    before = datetime.now(UTC)

    await raising(Forbidden("Not you."))(request)

    off = created_at(request[REQUEST_ID]) - before - A_DAY
    assert abs(off) < timedelta(minutes=1)


async def test_a_failure_of_a_provider_names_it():
    answer = await raising(UpstreamFailed("No.", metadata={"provider_name": "acme"}))(a_request())

    assert answer.headers["X-Provider"] == "acme"


async def test_anything_else_is_our_fault_and_tells_nothing_but_its_id():
    request = a_request()

    answer = await raising(RuntimeError("a secret inside"))(request)

    assert answer.status == 500
    assert str(request[REQUEST_ID]) in json.loads(answer.body)["error"]["message"]
    assert b"secret" not in answer.body


async def test_a_client_that_is_gone_gets_its_connection_closed():
    request = a_request()

    answer = await raising(ClientGone())(request)

    assert answer.status == 499
    request.transport.abort.assert_called_once()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_what_ends_the_process_is_not_caught(error):
    with pytest.raises(error):
        await raising(error())(a_request())
