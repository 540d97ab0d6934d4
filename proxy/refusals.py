"""Refused calls on record: a row each with the reason, written in batches beside the path of the calls."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging.calls import REFUSED, Caller
from core.errors import Refused
from core.ids import day_of
from core.models import UsageEvent

WAITING = 10_000  # more than this between two writes is a flood; the log keeps count, the table need not
WRITE_S = 0.3
_log = structlog.get_logger()


class Refusals:
    """Collects refusals and writes them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._rows: deque[dict[str, Any]] = deque(maxlen=WAITING)

    def note(
        self, refused: Refused, *, request_id: UUID, caller: Caller, model_id: str, app: tuple[str, str]
    ) -> None:
        self._rows.append(
            {
                "request_id": request_id,
                "day": day_of(request_id),
                "rank": REFUSED,
                "wallet_id": caller.wallet_id,
                "user_id": caller.user_id,
                "key_id": caller.key_id,
                "team_id": caller.team_id,
                "member_id": caller.member_id,
                "model_id": model_id,
                "provider": "",
                "status": refused.status,
                "reason": refused.reason,
                "app_name": app[0],
                "app_url": app[1],
                "ended_at": datetime.now(UTC),
            }
        )

    async def keep_writing(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(WRITE_S)
            await self.write()

    async def write(self) -> None:
        """Write what is waiting. What cannot be written is dropped: it holds no money."""
        rows = list(self._rows)
        self._rows.clear()
        if not rows:
            return
        try:
            async with self._engine.begin() as connection:
                # A call that was admitted and then failed has its row already, from its settlement.
                await connection.execute(insert(UsageEvent).on_conflict_do_nothing(), rows)
        except (SQLAlchemyError, OSError) as error:
            _log.error("refusals_not_written", rows=len(rows), error=type(error).__name__)
