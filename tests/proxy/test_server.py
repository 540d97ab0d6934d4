"""What cannot be served as HTTP at all is refused like everything else."""

import json
import logging
from uuid import UUID

from structlog.testing import capture_logs

from tests.proxy.conftest import ask
from tests.proxy.test_front_door import raw

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
TOO_LONG = {
    "a field": HEAD + b"X-Long: " + b"x" * 9000 + b"\r\n\r\n",
    "a field that takes many reads": HEAD + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    "the name of a field": HEAD + b"x" * 9000 + b": 1\r\n\r\n",
    "the address": b"GET /v1/models?" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
}
MALFORMED = {
    "no request line": b"NONSENSE\r\n\r\n",
    "another version": b"GET / HTTP/9\r\nHost: x\r\n\r\n",
    "an unknown method": b"BREW /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /v1/models HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an address that is none": b"GET http://[x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a zero byte": HEAD + b"Authorization: Bearer sk-bl-SECRET\x00\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "200 fields": HEAD + b"".join(b"X-%d: 1\r\n" % number for number in range(200)) + b"\r\n",
}
NOT_SERVED = {
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    "a tunnel": (b"CONNECT a:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
    "another Expect": (HEAD + b"Expect: 200-ok\r\nConnection: close\r\n\r\n", 400),
}


async def answered(relay, data):
    """Send bytes; gives the message of the refusal, once its shape is proved."""
    head, body = (await raw(relay.url, data)).split(b"\r\n\r\n", 1)
    line, *fields = head.decode().split("\r\n")
    headers, error = dict(field.split(": ", 1) for field in fields), json.loads(body)["error"]
    assert error["code"] == int(line.split()[1])
    assert error["type"] == ("not_found_error" if error["code"] == 404 else "invalid_request_error")
    assert headers["Content-Type"] == "application/json"
    assert UUID(headers["X-Request-Id"]).version == 7
    assert (headers["X-Provider"], headers["Server"]) == ("none", "BazaarLink")
    return error["code"], error["message"], headers["X-Request-Id"]


async def test_a_line_that_is_too_long_is_refused_in_the_shape_of_all_refusals(relay):
    for name, data in TOO_LONG.items():
        status, message, _ = await answered(relay, data)

        assert (status, "longer than 8190 bytes" in message) == (400, True), name


async def test_what_is_no_request_is_refused_in_the_shape_of_all_refusals(relay):
    for name, data in MALFORMED.items():
        status, message, _ = await answered(relay, data)

        assert (status, "cannot be read as an HTTP/1.1 request" in message) == (400, True), name


async def test_what_no_address_serves_is_refused_in_the_shape_of_all_refusals(relay):
    for name, (data, expected) in NOT_SERVED.items():
        status, _, _ = await answered(relay, data)

        assert status == expected, name


async def test_what_cannot_be_read_is_neither_repeated_nor_logged(relay, caplog):
    with capture_logs() as logs:
        status, message, request_id = await answered(relay, MALFORMED["a zero byte"])

    assert "SECRET" not in message
    (entry,) = [entry for entry in logs if entry.get("request_id") == request_id]
    assert (entry["status"], entry["log_level"], entry["reason"]) == (status, "info", "BadHttpMessage")
    assert "SECRET" not in str(logs)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_where_the_next_request_begins_is_not_known_so_the_connection_ends(relay):
    data = MALFORMED["no request line"] + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    got = await raw(relay.url, data)  # until it is closed

    assert got.count(b"HTTP/1.0 400 ") == 1
    assert b" 200 " not in got


async def test_a_client_that_waits_for_a_word_before_its_body_gets_it(relay, caller):
    async with relay.post(caller.secret, ask(max_tokens=5), expect100=True) as response:
        assert response.status == 200
