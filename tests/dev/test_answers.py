import http.server
import socket
from threading import Thread

import pytest

from dev.answers import answers_http, greets
from dev.ports import LOOPBACK, free_port


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def port():
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_only_200_is_an_answer(port):
    assert answers_http(port, "/healthz")
    assert not answers_http(port, "/readyz")


def test_nobody_there_is_no_answer():
    port = free_port()

    assert not answers_http(port, "/healthz")
    assert not greets(port, b"220")


def test_a_server_that_speaks_first_is_recognised():
    with socket.create_server((LOOPBACK, 0)) as server:

        def greet():
            link, _ = server.accept()
            with link:
                link.sendall(b"220 hello\r\n")

        speaker = Thread(target=greet)
        speaker.start()
        found = greets(server.getsockname()[1], b"220")
        speaker.join(5)

    assert found
