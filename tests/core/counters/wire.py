"""A connection for tests that ask a hundred thousand times: commands in one write, answers in one read."""

import socket
from collections.abc import Sequence
from typing import Any

import hiredis


class Wire:
    def __init__(self, *, host: str, port: int, password: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()
        self("AUTH", password)

    def __call__(self, *words: Any) -> Any:
        return self.all([words])[0]

    def all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Run commands, one after the other; an error of one of them is raised when all have answered."""
        self._socket.sendall(b"".join(map(hiredis.pack_command, map(tuple, commands))))
        answers: list[Any] = []
        while len(answers) < len(commands):
            answer = self._reader.gets()
            if answer is False:
                received = self._socket.recv(1 << 16)
                if not received:
                    raise ConnectionError("the server is gone")
                self._reader.feed(received)
            else:
                answers.append(answer)
        for answer in answers:
            if isinstance(answer, hiredis.ReplyError):
                raise answer
        return answers

    def close(self) -> None:
        self._socket.close()
