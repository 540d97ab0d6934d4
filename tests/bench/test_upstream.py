import http.client
import json
import socket
import time

import pytest

from bench.wire import Ask


@pytest.fixture
def link(source):
    made = http.client.HTTPConnection("127.0.0.1", source.port, timeout=5)
    yield made
    made.close()


def post(link, ask):
    link.request("POST", "/v1/chat/completions", ask.body())
    return link.getresponse()


def counts(link):
    link.request("GET", "/")
    return json.loads(link.getresponse().read())


def test_one_connection_serves_every_kind_of_call_and_each_is_counted(link):
    before = counts(link)

    plain = json.loads(post(link, Ask()).read())
    burst = post(link, Ask(streamed=True))
    text = burst.read()

    after = counts(link)
    assert plain["usage"]["completion_tokens"] == 64
    assert burst.headers["Content-Type"] == "text/event-stream"
    assert (text.count(b"data: "), text.endswith(b"data: [DONE]\n\n")) == (104, True)
    assert {name: after[name] - before[name] for name in after} == {
        "plain": 1,
        "streams": 1,
        "events": 104,
        "cut": 0,
    }


def test_a_paced_stream_takes_its_time(link):
    began = time.monotonic()

    text = post(link, Ask(streamed=True, pace_us=1000)).read()

    assert text.count(b"data: ") == 104
    assert time.monotonic() - began >= 0.103


def test_a_request_in_pieces_is_put_together(source):
    request = Ask().request(source.port, {})
    with socket.create_connection(("127.0.0.1", source.port), timeout=5) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (request[:30], request[30:400], request[400:]):
            link.sendall(piece)
        answer = link.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_reader_that_leaves_is_counted_and_keeps_nobody_else_waiting(source, link):
    before = counts(link)
    with socket.create_connection(("127.0.0.1", source.port), timeout=5) as left:
        left.sendall(Ask(streamed=True, pace_us=500).request(source.port, {}))
        left.recv(100)

    text = post(link, Ask(streamed=True, pace_us=500)).read()

    assert text.count(b"data: ") == 104
    assert counts(link)["streams"] - before["streams"] == 2
