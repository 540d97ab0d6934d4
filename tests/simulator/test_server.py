import pytest
from aiohttp.test_utils import TestClient, TestServer

from simulator.conversation import STATE
from simulator.server import build_app, running
from simulator.settings import Settings

KEY = {"Authorization": "Bearer k"}


async def test_it_says_that_it_lives(caller):
    async with caller.session.get(caller.simulator.url + "/healthz") as response:
        assert (response.status, await response.text()) == (200, "ok\n")


async def test_it_lists_models_as_openai_does(caller):
    async with caller.session.get(caller.simulator.api_base + "/models", headers=KEY) as response:
        listed = await response.json()

    assert listed["object"] == "list"
    assert {"id": "tiny", "object": "model", "owned_by": "simulator"}.items() <= listed["data"][0].items()


async def test_models_need_a_token(caller):
    async with caller.session.get(caller.simulator.api_base + "/models") as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("GET", "/v1/chat/completions")])
async def test_an_unknown_path_is_a_404_and_on_record(caller, method, path):
    async with caller.session.request(method, caller.simulator.url + path, headers=KEY) as response:
        assert response.status == 404
        assert "/v1/chat/completions" in (await response.json())["error"]["message"]

    assert (caller.records[0]["path"], caller.records[0]["how"]) == (path, "error:404")


async def test_the_truth_is_read_by_request_id_and_forgotten(caller):
    url = caller.simulator.url + "/_truth"
    await caller.ask(headers={"X-Request-Id": "one"})
    await caller.ask(headers={"X-Request-Id": "two"})

    async with caller.session.get(url, params={"request_id": "two"}) as response:
        found = await response.json()
    async with caller.session.delete(url) as response:
        assert response.status == 204
    async with caller.session.get(url) as response:
        left = await response.json()

    assert [record["request_id"] for record in found] == ["two"]
    assert left == []


async def test_the_truth_can_be_left_out():
    client = TestClient(TestServer(build_app(Settings(truth_url=False))))

    async with client, client.get("/_truth") as response:
        assert response.status == 404


async def test_a_built_app_shows_its_truth_to_a_test():
    app = build_app(Settings())
    body = {"model": "tiny+tokens=3", "messages": [{"role": "user", "content": "x"}]}

    async with (
        TestClient(TestServer(app)) as client,
        client.post("/v1/chat/completions", json=body, headers=KEY) as response,
    ):
        assert response.status == 200

    assert app[STATE].truth.records()[0]["completion_tokens"] == 3


async def test_two_simulators_share_nothing(caller):
    async with running(Settings()) as other:
        await caller.ask()

        assert other.port != caller.simulator.port
        assert other.truth.records() == []
