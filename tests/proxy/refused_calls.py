"""Calls that must be refused, and must leave nothing but a row that says why."""

from dataclasses import dataclass
from typing import Any

from tests.proxy.conftest import Books, Relay, ask, until


@dataclass(frozen=True)
class RefusedCall:
    """What a client got, and what is on record of it."""

    status: int
    headers: Any
    error: dict[str, Any]
    row: Any

    @property
    def retry_after_s(self) -> int:
        return int(self.headers["Retry-After"])


class Refuser:
    """Makes calls, and sees to it that none of them does anything."""

    def __init__(self, books: Books, simulator: Any) -> None:
        self._books = books
        self._simulator = simulator

    async def __call__(self, relay: Relay, secret: str, body: Any = None, *, of: Any = None) -> RefusedCall:
        """Make a call that is refused; `of` is whose pool must stay as it is."""
        before = self._state(of)
        known = {row.request_id for row in self._books.events()}
        self._simulator.truth.forget()
        async with relay.post(secret, body or ask()) as response:
            error = (await response.json())["error"]
        rows = await until(lambda: [row for row in self._books.events() if row.request_id not in known])
        assert len(rows) == 1
        assert self._simulator.truth.records() == []
        assert self._state(of) == before
        row = rows[0]
        assert str(row.request_id) == response.headers["X-Request-Id"]
        assert (row.rank, row.status, row.charge_n, row.upstream_n) == (0, response.status, 0, 0)
        return RefusedCall(response.status, response.headers, error, row)

    def _state(self, of: Any) -> tuple[Any, ...]:
        books = self._books
        pool = books.pool(of) if of is not None else None
        return sorted(hold["rid"] for hold in books.holds()), books.charges(), pool
