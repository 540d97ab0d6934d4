import gzip

import pytest

from simulator.replies import BOMB_MIB, bomb


async def test_a_status_comes_with_the_dialects_error(caller):
    async with caller.post("tiny+status=429+retry_after=2") as response:
        error = (await response.json())["error"]

    assert response.status == 429
    assert response.headers["Retry-After"] == "2"
    assert error["code"] == "rate_limit_exceeded"
    assert set(error) == {"message", "type", "param", "code"}
    assert caller.records[-1]["how"] == "error:429"


@pytest.mark.parametrize("status", [400, 401, 408, 409, 422, 500, 503, 529, 599])
@pytest.mark.parametrize("streamed", [False, True])
async def test_any_error_status_can_be_had(caller, status, streamed):
    async with caller.post(f"tiny+status={status}", stream=streamed) as response:
        assert response.status == status
        assert response.content_type == "application/json"
        assert "Retry-After" not in response.headers


async def test_a_redirect_leads_to_a_place_that_records_visits(caller):
    async with caller.post("tiny+redirect") as response:
        location = response.headers["Location"]
    assert response.status == 302
    assert [record["path"] for record in caller.records] == ["/v1/chat/completions"]

    async with caller.session.get(caller.simulator.url + location):
        pass

    assert [record["path"] for record in caller.records] == ["/v1/chat/completions", "/elsewhere"]


async def test_an_empty_answer_is_a_200_without_a_body(caller):
    async with caller.post("tiny+empty") as response:
        assert response.status == 200
        assert await response.read() == b""


async def test_an_answer_can_be_a_page(caller):
    async with caller.post("tiny+notjson") as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert (await response.read()).startswith(b"<!doctype html>")


async def test_a_bomb_is_small_until_it_is_unpacked(caller):
    url = f"{caller.simulator.api_base}/chat/completions"
    body = {"model": "tiny+gzip_bomb", "messages": [{"role": "user", "content": "x"}]}
    key = {"Authorization": "Bearer k"}

    async with caller.session.post(url, json=body, headers=key) as response:
        first = await response.content.read(1024 * 1024)

    assert response.headers["Content-Encoding"] == "gzip"
    assert int(response.headers["Content-Length"]) == len(bomb()) < 200_000
    assert first.strip() == b""


def test_a_bomb_is_a_valid_gzip_file():
    assert len(gzip.decompress(bomb())) == BOMB_MIB * 1024 * 1024


async def test_odd_headers_come_with_a_good_answer(caller):
    async with caller.post("tiny+cookies") as response:
        assert (await response.json())["choices"]
        assert len(response.headers.getall("Set-Cookie")) == 2
        assert response.headers["X-RateLimit-Remaining"] == "6"
