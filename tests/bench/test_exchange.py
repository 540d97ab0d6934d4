import pytest

from bench.exchange import Exchange
from bench.wire import plain_answer, stream_events

STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(stream_events())


def fed(answer, *, piece, streamed):
    """The exchange, and after which piece it was whole."""
    exchange = Exchange(0.0, streamed=streamed)
    pieces = [answer[at : at + piece] for at in range(0, len(answer), piece)]
    whole = [number for number, part in enumerate(pieces, 1) if exchange.feed(part, float(number))]
    return exchange, whole, len(pieces)


@pytest.mark.parametrize("piece", [1, 7, 100, 10**6])
def test_a_plain_answer_is_whole_with_its_last_byte(piece):
    exchange, whole, pieces = fed(plain_answer(), piece=piece, streamed=False)

    assert whole == [pieces]
    assert (exchange.status, exchange.closes) == (200, False)


@pytest.mark.parametrize("piece", [1, 5, 64, 10**6])
def test_every_event_of_a_stream_is_counted_once_wherever_it_is_cut(piece):
    exchange, whole, pieces = fed(STREAM, piece=piece, streamed=True)

    assert whole == [pieces]
    assert exchange.events == 104


def test_the_first_event_is_timed_and_not_the_head():
    head, _, rest = STREAM.partition(b"\r\n\r\n")
    exchange = Exchange(0.0, streamed=True)

    exchange.feed(head + b"\r\n\r\n", 1.0)
    exchange.feed(rest[:50], 2.0)
    exchange.feed(rest[50:], 3.0)

    assert exchange.first_at == 2.0


def test_a_plain_answer_in_chunks_is_whole_with_its_last_one():
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

    exchange, whole, pieces = fed(answer, piece=3, streamed=False)

    assert whole == [pieces]
    assert exchange.events == 0


def test_a_refusal_is_told_with_its_status_and_that_the_connection_ends():
    exchange, whole, _ = fed(
        b"HTTP/1.1 429 Too Many\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", piece=9, streamed=True
    )

    assert whole
    assert (exchange.status, exchange.closes, exchange.events) == (429, True, 0)
