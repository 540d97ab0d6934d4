import json

import pytest

from bench.wire import PACE, STREAMED, Ask, plain_answer, stream_events


@pytest.mark.parametrize(("ask", "streamed", "pace"), [
    (Ask(), False, b"0"),
    (Ask(streamed=True), True, b"0"),
    (Ask(streamed=True, pace_us=2000), True, b"2000"),
])  # fmt: skip
def test_the_body_tells_the_upstream_what_to_do(ask, streamed, pace):
    body = ask.body()

    assert bool(STREAMED.search(body)) is streamed
    assert PACE.search(body)[1] == pace
    assert json.loads(body)["max_tokens"] == 128


def test_a_request_states_its_length():
    head, _, body = Ask().request(8080, {"Authorization": "Bearer key"}).partition(b"\r\n\r\n")

    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n")
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert head.endswith(b"\r\nAuthorization: Bearer key")


def test_a_plain_answer_is_of_an_ordinary_size_and_states_its_usage():
    head, _, body = plain_answer().partition(b"\r\n\r\n")

    assert 700 < len(body) < 900
    assert b"Content-Length: %d" % len(body) in head
    assert json.loads(body)["usage"]["total_tokens"] == 121


def test_a_stream_is_a_hundred_words_with_what_goes_around_them():
    events = stream_events()

    texts = [event.partition(b"data: ")[2].partition(b"\n\n")[0] for event in events]
    assert len(events) == 104
    assert json.loads(texts[-2])["usage"]["completion_tokens"] == 100
    assert texts[-1] == b"[DONE]"
    assert [event.endswith(b"0\r\n\r\n") for event in events] == [False] * 103 + [True]
