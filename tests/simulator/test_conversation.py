import asyncio

import aiohttp
import pytest

from simulator.server import running
from simulator.settings import Settings


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer  ", "Basic abc", "Bearer revoked"])
async def test_a_caller_without_a_good_token_gets_401(caller, value):
    async with caller.post(headers={"Authorization": value}) as response:
        error = (await response.json())["error"]

    assert response.status == 401
    assert error["code"] == "invalid_api_key"
    assert (caller.records[0]["how"], caller.records[0]["model"]) == ("error:401", None)


async def test_a_caller_without_the_header_gets_401(caller):
    url = f"{caller.simulator.api_base}/chat/completions"

    async with caller.session.post(url, json={}) as response:
        assert response.status == 401


async def test_the_same_request_gets_the_same_text_under_another_id(caller):
    first, second = await caller.ask(seed=7), await caller.ask(seed=7)

    assert first["choices"] == second["choices"]
    assert first["usage"] == second["usage"]
    assert first["id"] != second["id"]


@pytest.mark.parametrize("change", [{"seed": 8}, {"text": "Bye"}, {"model": "small"}, {"max_tokens": 99}])
async def test_another_request_gets_another_text(caller, change):
    first = await caller.ask(seed=7)
    second = await caller.ask(**{"seed": 7, **change})

    assert first["choices"][0]["message"] != second["choices"][0]["message"]


async def test_directives_leave_the_text_as_it_is(caller):
    plain = await caller.ask("tiny+tokens=30")
    paced = await caller.ask("tiny+chunks=3", headers={"X-Simulator": "tokens=30; cookies"})

    assert paced["choices"] == plain["choices"]


async def test_the_record_tells_the_call(caller):
    headers = {"X-Request-Id": "req-1", "X-Odd": "value-not-kept"}

    answer = await caller.ask("tiny+tokens=9+cached=4+cache_write=3+reasoning=2", headers=headers)

    (record,) = caller.records
    assert record["request_id"] == "req-1"
    assert record["answer_id"] == answer["id"]
    assert (record["model"], record["stream"]) == ("tiny+tokens=9+cached=4+cache_write=3+reasoning=2", False)
    assert (record["prompt_tokens"], record["cached"], record["cache_write"]) == (8, 4, 3)
    assert record["reasoning"] == 2
    assert (record["completion_tokens"], record["tokens_sent"]) == (11, 9)
    assert record["usage"] == answer["usage"]
    assert (record["how"], record["fault"]) == ("done", None)
    assert record["ended"] >= record["started"]
    assert {"authorization", "x-odd", "x-request-id"} <= set(record["header_names"])


async def test_a_stream_without_usage_reports_none_in_its_record(caller):
    await caller.raw("tiny+tokens=9")

    assert (caller.records[0]["usage"], caller.records[0]["stream"]) == (None, True)


async def test_no_prompt_answer_or_header_value_is_in_the_log(caller, tmp_path):
    headers = {"X-Odd": "canary-header", "Authorization": "Bearer canary-token"}

    answer = await caller.ask("tiny+echo", text="canary-prompt", headers=headers)
    await caller.raw("tiny+echo", text="canary-prompt", headers=headers)

    assert answer["choices"][0]["message"]["content"] == "canary-prompt"
    assert "canary" not in (tmp_path / "truth.jsonl").read_text()


async def test_two_hundred_calls_at_once_leave_two_hundred_whole_lines(caller, tmp_path):
    models = [f"tiny+tokens={number}+delay=0.001" for number in range(200)]

    await asyncio.gather(*(caller.raw(model) for model in models))

    assert sorted(record["completion_tokens"] for record in caller.records) == list(range(200))
    assert len((tmp_path / "truth.jsonl").read_text().splitlines()) == 200


async def test_a_body_over_the_bound_is_refused():
    async with running(Settings(max_body_bytes=1000)) as simulator, aiohttp.ClientSession() as session:
        url, key = f"{simulator.api_base}/chat/completions", {"Authorization": "Bearer k"}

        async with session.post(url, data=b" " * 2000, headers=key) as response:
            assert response.status == 413
            assert "1000 bytes" in (await response.json())["error"]["message"]

    assert simulator.truth.records()[0]["how"] == "error:413"
