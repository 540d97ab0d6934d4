import socket
import threading
from contextlib import contextmanager

import pytest

from bench.load import MOST_FAILURES, Load
from bench.wire import Ask


def loaded(port, ask, *, concurrency, measure_s=1.0):
    marks = []
    load = Load(port, ask.request(port, {}), concurrency=concurrency, streamed=ask.streamed)
    return load.run(warm_s=0.1, measure_s=measure_s, mark=lambda: marks.append(1)), marks


@contextmanager
def answering(*pieces):
    """A server that answers every connection's first call with these bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                with link:
                    link.recv(65536)
                    for piece in pieces:
                        link.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("concurrency", [1, 8])
def test_plain_calls_are_made_measured_and_let_end(source, concurrency):
    sample, marks = loaded(source.port, Ask(), concurrency=concurrency)

    assert len(marks) == 2
    assert sample.seconds >= 1
    assert 0 < sample.calls < sample.total
    assert len(sample.latencies_s) <= sample.calls
    assert 0 < min(sample.latencies_s) <= max(sample.latencies_s) <= sample.seconds
    assert not sample.failures


def test_streams_are_counted_by_event_and_their_beginning_is_timed(source):
    sample, _ = loaded(source.port, Ask(streamed=True), concurrency=4)

    assert sample.events >= 100 * sample.calls > 0
    assert max(sample.first_events_s) <= sample.seconds
    assert not sample.failures


def test_refusals_are_told_and_end_a_hopeless_run():
    refusal = b"HTTP/1.1 402 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with answering(refusal) as port:
        sample, _ = loaded(port, Ask(), concurrency=2, measure_s=20)

    assert sample.failures["status 402"] >= MOST_FAILURES
    assert sample.seconds < 20
    assert sample.calls == 0


def test_a_stream_that_lacks_events_is_no_answer():
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with answering(head + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n") as port:
        sample, _ = loaded(port, Ask(streamed=True), concurrency=1)

    assert sample.failures["a stream of 1 events"] > 0
    assert sample.calls == 0


def test_an_answer_that_breaks_off_is_no_answer():
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345") as port:
        sample, _ = loaded(port, Ask(), concurrency=1)

    assert sample.failures["connection closed"] > 0
    assert sample.calls == 0
