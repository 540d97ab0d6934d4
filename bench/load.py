"""The load: so many calls at once; a connection sends its next one when its answer is whole (a closed loop).

It shares a core with the upstream and must cost less than what it measures: a bare epoll loop, like that one.
"""

import gc
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.exchange import Exchange
from bench.wire import PAYLOAD_EVENTS

READ = 32_768
DRAIN_S = 10.0
CONNECT_S = 5.0
MOST_FAILURES = 100  # after so many, a target is broken and there is nothing to measure


@dataclass(slots=True)
class Sample:
    """What was seen between warm-up and end; `total` and `failures` are of all calls, whenever they were."""

    seconds: float = 0
    calls: int = 0
    events: int = 0
    latencies_s: list[float] = field(default_factory=list)
    first_events_s: list[float] = field(default_factory=list)
    total: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class Load:
    """One run against one port."""

    def __init__(self, port: int, request: bytes, *, concurrency: int, streamed: bool) -> None:
        self.sample = Sample()
        self._port, self._request, self._streamed = port, request, streamed
        self._concurrency = concurrency
        self._epoll = select.epoll()
        self._links: dict[int, tuple[socket.socket, Exchange]] = {}
        self._since = float("inf")  # when what is measured began
        self._is_over = False

    def run(self, *, warm_s: float, measure_s: float, mark: Callable[[], None]) -> Sample:
        """Warm up, measure, let what is under way end. `mark` is called where measuring begins and ends."""
        gc.collect()
        gc.disable()
        try:
            for _ in range(self._concurrency):
                self._connect()
            self._drive(until=time.perf_counter() + warm_s)
            mark()
            self._since = time.perf_counter()
            self._drive(until=self._since + measure_s)
            self.sample.seconds = time.perf_counter() - self._since
            self._since = float("inf")
            mark()
            self._drain()
        finally:
            gc.enable()
            self._close()
        return self.sample

    def _connect(self) -> None:
        link = socket.create_connection(("127.0.0.1", self._port), CONNECT_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setblocking(False)
        self._epoll.register(link, select.EPOLLIN)
        self._send(link)

    def _send(self, link: socket.socket) -> None:
        self._links[link.fileno()] = link, Exchange(time.perf_counter(), streamed=self._streamed)
        link.send(self._request)

    def _drive(self, *, until: float) -> None:
        clock, poll, links = time.perf_counter, self._epoll.poll, self._links
        while (now := clock()) < until and links:
            for number, _ in poll(until - now):
                link, exchange = links[number]
                try:
                    data = link.recv(READ)
                except ConnectionError:
                    data = b""
                events_before = exchange.events
                is_whole = exchange.feed(data, now := clock()) if data else True
                if now >= self._since:
                    self.sample.events += exchange.events - events_before
                    if exchange.first_at == now and exchange.sent_at >= self._since:
                        self.sample.first_events_s.append(now - exchange.sent_at)
                if is_whole:
                    self._finish(link, exchange, now, is_cut=not data)

    def _finish(self, link: socket.socket, exchange: Exchange, now: float, *, is_cut: bool) -> None:
        sample = self.sample
        sample.total += 1
        if wrong := self._what_is_wrong(exchange, is_cut=is_cut):
            self._fail(wrong)
        elif now >= self._since:
            sample.calls += 1
            if exchange.sent_at >= self._since:  # what began before may have waited for `mark`
                sample.latencies_s.append(now - exchange.sent_at)
        if is_cut or exchange.closes:
            self._leave(link)
            if not self._is_over:
                self._connect()
        elif self._is_over:
            self._leave(link)
        else:
            self._send(link)

    def _what_is_wrong(self, exchange: Exchange, *, is_cut: bool) -> str | None:
        if is_cut:
            return "connection closed"
        if exchange.status != 200:
            return f"status {exchange.status}"
        if self._streamed and exchange.events < PAYLOAD_EVENTS:
            return f"a stream of {exchange.events} events"
        return None

    def _fail(self, reason: str) -> None:
        self.sample.failures[reason] += 1
        if self.sample.failures.total() >= MOST_FAILURES:
            self._is_over = True

    def _drain(self) -> None:
        """Let calls under way end, so that each is answered, charged and counted whole."""
        self._is_over = True
        self._drive(until=time.perf_counter() + DRAIN_S)
        if self._links:
            self.sample.failures["not answered in time"] += len(self._links)

    def _leave(self, link: socket.socket) -> None:
        del self._links[link.fileno()]
        self._epoll.unregister(link)
        link.close()

    def _close(self) -> None:
        for link, _ in list(self._links.values()):
            self._leave(link)
        self._epoll.close()
