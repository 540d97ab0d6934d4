"""What a caller may get wrong: always the SPEC's error, never a failure, and the relay goes on."""

import asyncio
import gzip
import io
import json
import logging
from contextlib import suppress

import pytest

from core.ids import key_checksum
from tests.proxy.conftest import ask, until

GOOD = json.dumps(ask()).encode()


def error_of(status, body, headers):
    """The error of an answer, once its shape is proved."""
    error = json.loads(body)["error"]
    assert set(error) <= {"message", "type", "code", "param", "metadata"}
    assert error["message"]
    assert error["type"]
    assert error["code"] == status or isinstance(error["code"], str)
    assert "X-Request-Id" in headers
    assert "X-Provider" in headers
    return error


async def refused(relay, secret, body=None, **options):
    async with relay.post(secret, body, **options) as response:
        return response.status, error_of(response.status, await response.read(), response.headers)


async def goes_on(relay, caller):
    async with relay.post(caller.secret, ask()) as response:
        return response.status == 200


async def closed(writer):
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def raw(relay, caller, *, head="", body=b"", close=False, timeout_s=20):
    """Send a request by hand; gives status and body of what comes back."""
    host, port = relay.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    start = f"POST /api/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.secret}\r\n{head}\r\n"
    writer.write(start.encode() + body)
    if close:
        writer.write_eof()
    try:
        async with asyncio.timeout(timeout_s):
            line = await reader.readline()
            headers = dict(
                [(await reader.readuntil(b"\r\n")).decode().strip().split(": ", 1) for _ in range(2)]
            )
            return int(line.split()[1]) if line else 0, headers
    finally:
        await closed(writer)


NOBODY = "sk-bl-" + "A" * 32
SHOWN = ["Basic abc", "Bearer", "", "sk-bl-x", "Bearer\tx", f"Bearer {NOBODY}{key_checksum(NOBODY)}"]
SHOWN += [
    f"Bearer {wrong}"
    for wrong in ("", "nonsense", "sk-bl-", "sk-bl-" + "x" * 38, "sk-bl-é", "x" * 5000, "a b c")
]


async def test_no_key_or_a_wrong_one_is_not_let_in(relay):
    for headers in [{}, *({"Authorization": shown} for shown in SHOWN), {"x-api-key": "nonsense"}]:
        status, error = await refused(relay, None, ask(), headers=headers)

        assert (status, error["type"]) == (401, "authentication_error"), headers
        assert error["message"] == "Invalid or disabled API key."


async def test_a_bare_model_name_names_the_likely_id(relay, caller):
    status, error = await refused(relay, caller.secret, ask("tiny"))

    assert (status, error["param"]) == (400, "model")
    assert "acme/tiny" in error["message"]


async def test_an_unknown_model_names_the_nearest(relay, caller):
    status, error = await refused(relay, caller.secret, ask("acme/tinny"))

    assert (status, error["code"]) == (404, "model_not_found")
    assert "acme/tiny" in error["message"]


BODIES = {
    "empty": b"", "array": b"[]", "broken": b'{"model": "acme/tiny", "messages": [', "not utf-8": GOOD[:-2] + b"\xff" + GOOD[-2:],
    "twice": b'{"model": "a/b", ' + GOOD[1:], "twice inside": GOOD.replace(b'"role"', b'"role": "user", "role"'),
    "deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep objects": b'{"a":' * 100_000,
    "surrogate": GOOD.replace(b"Say", b"\\ud800"), "surrogate key": GOOD[:-1] + b', "\\udfff": 1}',
    "infinite": GOOD[:-1] + b', "max_tokens": 1e400}', "nan": GOOD[:-1] + b', "max_tokens": NaN}',
    "long number": GOOD[:-1] + b', "max_tokens": 1' + b"0" * 30 + b"}", "a million digits": GOOD[:-1] + b', "x": ' + b"9" * 10**6 + b"}",
    "no messages": b'{"model": "acme/tiny"}', "empty messages": b'{"model": "acme/tiny", "messages": []}',
    "nul": GOOD.replace(b"Say", b"\x00"), "bom": b"\xef\xbb\xbf" + GOOD,
}  # fmt: skip


async def test_a_body_that_is_none_is_refused(relay, caller):
    for name, body in BODIES.items():
        status, _ = await refused(relay, caller.secret, None, data=io.BytesIO(body))

        assert status == 400, name
    assert await goes_on(relay, caller)


async def test_deep_json_that_can_be_read_never_fails(relay, caller):
    for depth in (60, 500, 900, 990, 1100, 5000):
        body = GOOD[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"
        async with relay.post(caller.secret, body) as response:
            assert response.status in {200, 400}, depth


async def test_a_body_in_gzip_is_refused(relay, caller):
    status, error = await refused(
        relay, caller.secret, gzip.compress(GOOD), headers={"Content-Encoding": "gzip"}
    )

    assert status == 400
    assert "Content-Encoding" in error["message"]


async def test_the_content_type_does_not_matter_the_content_does(relay, caller):
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "nonsense",
    ):
        async with relay.post(caller.secret, GOOD, headers={"Content-Type": kind}) as response:
            assert response.status == 200


async def test_another_method_is_refused_with_a_word(relay):
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        async with relay.session.request(method, relay.url + "/api/v1/chat/completions") as response:
            assert response.status == 405
            assert response.headers["Allow"] == "POST"
            assert "POST" in error_of(response.status, await response.read(), response.headers)["message"]


async def test_a_body_over_the_limit_is_refused_by_its_length(relay, caller):
    status, _ = await refused(
        relay, caller.secret, None, data=io.BytesIO(b'{"a": "' + b"x" * (11 << 20) + b'"}')
    )

    assert status == 413
    assert await goes_on(relay, caller)


async def test_a_body_over_the_limit_is_refused_without_a_length_too(relay, caller):
    async def pieces():
        for _ in range(11 * 16):
            yield b"x" * (1 << 16)

    status, _ = await refused(relay, caller.secret, None, data=pieces())

    assert status == 413
    assert await goes_on(relay, caller)


async def test_exactly_the_limit_is_taken(start_relay, tiny, caller):
    relay = await start_relay(body_limit_bytes=len(GOOD))

    assert await goes_on(relay, caller)
    status, error = await refused(relay, caller.secret, GOOD + b" ")
    assert status == 413
    assert error["message"]


LIES = [
        ("Content-Length: 10\r\n", GOOD), ("Content-Length: abc\r\n", GOOD), ("Content-Length: -5\r\n", GOOD),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", GOOD), ("Transfer-Encoding: chunked\r\n", b"zz\r\nnonsense"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"5\r\nhelloXX0\r\n\r\n"), ("X-Long: " + "x" * 100_000 + "\r\n", b""),
        ("Content-Length: 2\r\nX-Bad\x00: 1\r\n", b"{}"),
]  # fmt: skip


async def test_a_message_that_lies_about_itself_is_refused(relay, caller):
    for head, body in LIES:
        status, _ = await raw(relay, caller, head=head, body=body)

        assert 400 <= status < 500, (head[:50], body[:50])
    assert await goes_on(relay, caller)


async def test_a_chunk_that_breaks_while_it_is_read_is_refused(start_relay, tiny, caller):
    relay = await start_relay(idle_timeout_s=0.5)

    host, port = relay.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.secret}\r\n"
    writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
    writer.write(b"5\r\nhello\r\n")
    await until(lambda: relay.deps.grants._kept)  # the relay is reading the body now
    writer.write(b"zz\r\nno length\r\n")
    async with asyncio.timeout(20):
        line = await reader.readline()
    await closed(writer)

    assert b" 400 " in line
    assert await goes_on(relay, caller)


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_failure(relay, caller, caplog):
    with pytest.raises((asyncio.IncompleteReadError, ValueError)):
        await raw(relay, caller, head="Content-Length: 5000\r\n", body=GOOD, close=True)

    assert await goes_on(relay, caller)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_body_that_does_not_arrive_is_not_waited_for(start_relay, tiny, caller):
    relay = await start_relay(idle_timeout_s=0.3)

    status, _ = await raw(relay, caller, head="Content-Length: 5000\r\n", body=GOOD)

    assert status == 400
    assert await goes_on(relay, caller)


async def test_a_key_may_be_shown_twice_but_not_two_keys(relay, caller, make):
    other = make.secrets[make.key(caller.user).id]

    for bearer, x_api_key, expected in [
        (caller.secret, caller.secret, 200),
        (caller.secret, other, 400),
        (None, other, 200),
    ]:
        async with relay.post(bearer, ask(), headers={"x-api-key": x_api_key}) as response:
            assert response.status == expected
