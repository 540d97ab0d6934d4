"""Thousands of bodies no client should send, to every model endpoint: refused in its format, or served."""

import asyncio
import io
import json
from collections import Counter

import pytest
from structlog.testing import capture_logs

from tests.proxy.bad_bodies import FULL, bad_body
from tests.proxy.test_bad_input import error_of
from tests.proxy.test_ways import BASES

AT_ONCE, WITHIN_S = 24, 20
ANTHROPICS = {
    400: "invalid_request_error", 402: "billing_error", 404: "not_found_error", 413: "request_too_large",
    429: "rate_limit_error", 503: "overloaded_error",
}  # fmt: skip


def check(path, status, body, headers):
    """See to it that an answer is one the endpoint may give."""
    assert status < 500
    if status == 200:
        return
    error = error_of(status, body, headers)
    document = json.loads(body)
    if path == "/messages":
        assert (document["type"], document["request_id"]) == ("error", headers["X-Request-Id"])
        assert error["type"] == ANTHROPICS[status]
    else:
        assert set(document) == {"error"}


@pytest.mark.timeout(900)
async def test_no_body_of_a_client_does_harm(start_relay, make, simulator, caller, books, chance, size):
    for kind, base in BASES.items():
        make.provider(kind, kind=kind, base_url=simulator.url + base)
        make.offer(f"acme/{kind}", provider=kind, upstream_model="tiny+tokens=2")
        make.offer("acme/tiny", provider=kind, upstream_model="tiny+tokens=2")
        if kind != "anthropic":
            make.offer("acme/vectors", provider=kind, upstream_model="tiny", mode="embedding")
    relay = await start_relay(rpm_free=10**7, rpm_paid=10**7, idle_timeout_s=2)
    headers = {"Authorization": f"Bearer {caller.secret}"}
    at_once, wrong, got = asyncio.Semaphore(AT_ONCE), [], Counter()

    async def send(path, body):
        async with at_once:
            try:
                async with (
                    asyncio.timeout(WITHIN_S),
                    relay.session.post(
                        f"{relay.url}/v1{path}", data=io.BytesIO(body), headers=headers
                    ) as response,
                ):
                    told = await response.read()
                check(path, response.status, told, response.headers)
                got[path, response.status] += 1
            except Exception as error:  # noqa: BLE001  # each is told with the body it is about
                wrong.append(f"{type(error).__name__}: {error}\n    {path} {body[:1500]!r} ({len(body)})")

    bodies = [
        (path, bad_body(path, chance, model="acme/vectors" if path == "/embeddings" else f"acme/{kind}"))
        for _ in range(size(5_040, 50_400) // 18)
        for path in FULL
        for kind in BASES
    ]
    with capture_logs() as logs:
        await asyncio.gather(*(send(path, body) for path, body in bodies))
    await relay.at_rest()

    assert wrong == [], f"{len(wrong)} wrong"
    assert [entry for entry in logs if "exc_info" in entry] == []
    assert got.total() == len(bodies)
    assert all(got[path, status] for path in FULL for status in (200, 400))
    assert books.holds() == []
    assert books.pool(caller)["held"] == 0
