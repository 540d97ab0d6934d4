"""Whether nobody has Redis, so that calls may be admitted in PostgreSQL."""

import asyncio
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging import generations
from core.charging.generations import OBJECTION_S, Outlook
from core.charging.pools import VALID_S
from proxy.leases.generations import AWAY_S, Generations

LOOK_S = 0.25
LAST_S = VALID_S  # by then nobody admits in Redis any more, whoever can still reach it
_log = structlog.get_logger()


class Vacancy:
    """What a proxy does that has lost Redis: it asks whether anybody has it, and says so if nobody does.

    One that has it, and was not heard of, finds that it is in no generation and opens the next at once. What
    is concluded here is only when to try: each admission in PostgreSQL makes sure of it by itself.
    """

    def __init__(self, engine: AsyncEngine, redis: Generations, *, boot_id: UUID) -> None:
        self.proxies = 1  # that are alive
        self._engine = engine
        self._redis = redis
        self._boot_id = boot_id
        self._is_vacant = False
        self._is_final = False

    @property
    def is_vacant(self) -> bool:
        """Say whether to admit in PostgreSQL, as far as this proxy knows."""
        return self._is_vacant and self._redis.current is None

    @property
    def is_final(self) -> bool:
        """Say whether no call can be running up costs in Redis any more that this proxy knows nothing of."""
        return self.is_vacant and self._is_final

    async def ended(self) -> None:
        """A generation is open after all: enter it, if we can."""
        self._set(is_vacant=False)
        await self._redis.renew()

    async def keep(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Find out how things stand, if we are without Redis."""
        if self._redis.current is not None:
            self._set(is_vacant=False)
            return
        try:
            async with self._engine.begin() as connection:
                outlook = await connection.run_sync(self._look)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("vacancy_unknown", error=type(error).__name__)
            return
        vacant_s = outlook.vacant_s or 0.0
        self.proxies = outlook.proxies
        self._is_final = outlook.unaccounted == 0 or vacant_s > LAST_S
        self._set(is_vacant=vacant_s >= OBJECTION_S)

    def _look(self, connection: Connection) -> Outlook:
        """Say that nobody has Redis, if that is so: not while the servers are there, and being entered."""
        outlook = generations.outlook(connection, boot_id=self._boot_id)
        is_away = self._redis.away_s >= AWAY_S
        if is_away and outlook.vacant_s is None and not outlook.others_have_redis:
            generations.vacate(connection)
        return outlook

    def _set(self, *, is_vacant: bool) -> None:
        if is_vacant != self._is_vacant:
            _log.error("vacancy_began" if is_vacant else "vacancy_ended", proxies=self.proxies)
        self._is_vacant = is_vacant
