"""The upstream: canned answers, as fast as Python gives them. `python -m bench.upstream PORT`

A bare epoll loop: together with the load it has to keep nginx busy from one other core, which no framework
here does. It counts what it served, so that a relay which answers without asking is noticed.
"""

import gc
import heapq
import json
import re
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass

from bench.wire import PACE, STREAM_HEAD, STREAMED, plain_answer, respond, stream_events

LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
READ = 65536


@dataclass(slots=True)
class Served:
    """What was sent since the start."""

    plain: int = 0
    streams: int = 0
    events: int = 0
    cut: int = 0  # streams whose reader went away


class Upstream:
    """One listening socket and everything that hangs on it."""

    def __init__(self, listener: socket.socket) -> None:
        self.served = Served()
        self._listener = listener
        self._epoll = select.epoll()
        self._epoll.register(listener, select.EPOLLIN)
        self._links: dict[int, socket.socket] = {}
        self._read: dict[int, bytes] = {}  # of requests that came in pieces
        self._due: list[tuple[float, int, int, float]] = []  # when, to whom, which event, pace
        self._plain, self._events = plain_answer(), stream_events()

    def run(self) -> None:
        listening = self._listener.fileno()
        while True:
            for number, _ in self._wait():
                if number == listening:
                    self._accept()
                else:
                    self._receive(number)
            if self._due:
                self._send_due(time.perf_counter())

    def _wait(self) -> list[tuple[int, int]]:
        if not self._due:
            return self._epoll.poll()
        # epoll waits in whole milliseconds, select in microseconds: so select waits for epoll.
        wait_s = self._due[0][0] - time.perf_counter()
        if wait_s > 0:
            select.select([self._epoll], [], [], wait_s)
        return self._epoll.poll(0)

    def _accept(self) -> None:
        link, _ = self._listener.accept()
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links[link.fileno()] = link
        self._epoll.register(link, select.EPOLLIN)

    def _receive(self, number: int) -> None:
        try:
            data = self._links[number].recv(READ)
        except ConnectionError:
            data = b""
        if not data:
            self._forget(number)
            return
        request = self._read.pop(number, b"") + data
        head, found, body = request.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or (length and len(body) < int(length[1])):
            self._read[number] = request
        else:
            self._answer(number, head, body)

    def _answer(self, number: int, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            self._send(number, respond(json.dumps(asdict(self.served)).encode()))
        elif not STREAMED.search(body):
            self.served.plain += 1
            self._send(number, self._plain)
        else:
            self.served.streams += 1
            pace = PACE.search(body)
            self._begin(number, int(pace[1]) / 1e6 if pace else 0)

    def _begin(self, number: int, pace_s: float) -> None:
        if not self._send(number, STREAM_HEAD + self._events[0]):
            return
        self.served.events += 1
        if pace_s:
            heapq.heappush(self._due, (time.perf_counter() + pace_s, number, 1, pace_s))
            return
        for sent in self._events[1:]:
            if not self._send(number, sent):
                return
            self.served.events += 1

    def _send_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            at, number, which, pace_s = heapq.heappop(self._due)
            if number not in self._links or not self._send(number, self._events[which]):
                continue
            self.served.events += 1
            if which + 1 < len(self._events):
                heapq.heappush(self._due, (at + pace_s, number, which + 1, pace_s))

    def _send(self, number: int, data: bytes) -> bool:
        """Write at once. A whole answer fits a socket's buffer: who leaves that much unread is cut off."""
        try:
            if self._links[number].send(data) == len(data):
                return True
        except (BlockingIOError, ConnectionError):
            pass
        self.served.cut += 1
        self._forget(number)
        return False

    def _forget(self, number: int) -> None:
        self._read.pop(number, None)
        self._due = [due for due in self._due if due[1] != number]
        heapq.heapify(self._due)
        self._epoll.unregister(number)
        self._links.pop(number).close()


def main() -> None:
    gc.disable()
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as listener:
        Upstream(listener).run()


if __name__ == "__main__":
    main()
