"""Trips of circuit breakers in the audit log: once for each scope, window and hour."""

import asyncio
import time
from typing import Any

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging.calls import Caller, Tripped
from core.models import AuditEntry

WRITE_S = 0.3
NOUNS = {"org": "org", "team": "team", "member": "org_member"}
_log = structlog.get_logger()


class Trips:
    """Collects trips and writes each once. A breaker in shadow mode writes what it would have refused."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: dict[str, dict[str, Any]] = {}
        self._written: set[str] = set()  # this hour, by this process
        self._hour = 0

    def note(self, verdict: object, caller: Caller) -> None:
        """Remember it, if it is a trip of a scoped breaker."""
        if not isinstance(verdict, Tripped) or verdict.scope == "global":
            return
        hour = int(time.time() // 3600)
        if hour != self._hour:
            self._hour, self._written = hour, set()
        verb = "would_trip" if verdict.is_shadow else "tripped"
        dedup = f"cb:{verb}:{verdict.scope}:{verdict.subject_id}:{verdict.window}:{hour}"
        if dedup not in self._written:
            self._waiting.setdefault(dedup, _entry(verdict, caller, verb, dedup))

    async def keep_writing(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(WRITE_S)
            await self.write()

    async def write(self) -> None:
        rows = dict(self._waiting)
        if not rows:
            return
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(AuditEntry).on_conflict_do_nothing(), list(rows.values()))
        except (SQLAlchemyError, OSError) as error:  # they wait for the next time
            _log.error("trips_not_written", rows=len(rows), error=type(error).__name__)
            return
        self._written |= rows.keys()
        for dedup in rows:
            del self._waiting[dedup]


def _entry(verdict: Tripped, caller: Caller, verb: str, dedup: str) -> dict[str, Any]:
    org = next((fuse.id for fuse in caller.fuses if fuse.scope == "org"), None)
    return {
        "org_id": org,
        "wallet_id": caller.wallet_id,
        "actor_kind": "system",
        "actor_id": None,
        "ip": "",
        "action": f"{NOUNS[verdict.scope]}.cb.{verb}",
        "target_kind": verdict.scope,
        "target_id": str(verdict.subject_id),
        "before": None,
        "after": {
            "window": verdict.window,
            "spent_n": verdict.spent_n,
            "limit_n": verdict.limit_n,
            "key_id": str(caller.key_id),
        },
        "dedup": dedup,
    }
