import json
import uuid

import pytest
from aiohttp.test_utils import make_mocked_request

from core.errors import Forbidden, UpstreamFailed
from proxy.errors import REQUEST_ID, answered
from proxy.running import ClientGone


def raising(error):
    async def handler(_request):
        raise error

    return answered(handler)


async def test_a_refusal_becomes_its_answer_under_an_id_of_ours():
    request = make_mocked_request("POST", "/", headers={"X-Request-Id": "theirs"})

    answer = await raising(Forbidden("Not you."))(request)

    assert answer.status == 403
    assert uuid.UUID(answer.headers["X-Request-Id"]) == request[REQUEST_ID]
    assert request[REQUEST_ID].version == 7
    assert answer.headers["X-Provider"] == "none"


async def test_a_failure_of_a_provider_names_it():
    answer = await raising(UpstreamFailed("No.", metadata={"provider_name": "acme"}))(
        make_mocked_request("POST", "/")
    )

    assert answer.headers["X-Provider"] == "acme"


async def test_anything_else_is_our_fault_and_tells_nothing():
    answer = await raising(RuntimeError("a secret inside"))(make_mocked_request("POST", "/"))

    assert answer.status == 500
    assert "secret" not in json.dumps(json.loads(answer.body))


async def test_a_client_that_is_gone_gets_its_connection_closed():
    request = make_mocked_request("POST", "/")

    answer = await raising(ClientGone())(request)

    assert answer.status == 499
    request.transport.abort.assert_called_once()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_what_ends_the_process_is_not_caught(error):
    with pytest.raises(error):
        await raising(error())(make_mocked_request("POST", "/"))
