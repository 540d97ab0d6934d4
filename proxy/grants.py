"""Grants: what a credential allows, found by its digest and kept in memory.

A kept grant is only a copy: admission compares its versions with the database, so a changed key is seen by
the next call. What is refused here is always read fresh, so a key that is enabled again works at once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import BadRequest, Forbidden, Unauthenticated, Unavailable
from core.ids import EDUCATION_PREFIX, digest_key, is_well_formed
from core.queries.keys import grant_by_digest
from core.rules.rates import requests_per_minute

KEPT = 50_000
MAX_CREDENTIAL = 200
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Grant:
    key_id: UUID
    wallet_id: UUID
    user_id: UUID
    key_type: str
    expires_at: datetime | None
    key_ver: int
    wallet_ver: int
    rpm: int  # calls a minute, by the wallet's balance when this was read


def credential(request: web.Request) -> str | None:
    """The secret a request shows, in `Authorization: Bearer` or `x-api-key`; None when it shows none."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    shown = {secret.strip() for secret in (bearer, request.headers.get("x-api-key", "")) if secret.strip()}
    if bearer and scheme.lower() != "bearer":
        raise Unauthenticated
    if len(shown) > 1:
        raise BadRequest("Authorization and x-api-key show different keys. Send one of them.")
    return next(iter(shown), None)


class Grants:
    """Finds grants. Refuses, without a look-up, what cannot be a key of ours."""

    def __init__(self, engine: AsyncEngine, *, pepper: bytes) -> None:
        self._engine = engine
        self._pepper = pepper
        self._kept: dict[bytes, Grant] = {}

    async def find(self, secret: str | None, *, fresh: bool = False) -> Grant:
        """The grant of a live key. Raises Unauthenticated or Forbidden. `fresh` passes the memory by."""
        if secret is None or len(secret) > MAX_CREDENTIAL or not is_well_formed(secret):
            raise Unauthenticated
        if secret.startswith(EDUCATION_PREFIX):
            raise Forbidden(
                "Education keys cannot be used directly. Visit /access to exchange for a session."
            )
        digest = digest_key(secret, self._pepper)
        grant = None if fresh else self._kept.get(digest)
        if grant is None:
            grant = await self._read(digest)
            self._keep(digest, grant)
        if grant.expires_at is not None and grant.expires_at <= datetime.now(UTC):
            raise Unauthenticated
        return grant

    async def find_for_models(self, secret: str | None, *, fresh: bool = False) -> Grant:
        """The grant of a key that may call models. Raises Forbidden for a management key."""
        grant = await self.find(secret, fresh=fresh)
        if grant.key_type != "standard":
            raise Forbidden("Management keys cannot call models. Create a standard key for that.")
        return grant

    def _keep(self, digest: bytes, grant: Grant) -> None:
        if len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[digest] = grant

    async def _read(self, digest: bytes) -> Grant:
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(grant_by_digest(digest))).one_or_none()
        except (SQLAlchemyError, OSError) as error:
            _log.error("grant_not_read", error=type(error).__name__)
            raise Unavailable(
                "The service cannot check keys right now. Try again.", retry_after_s=5
            ) from None
        if row is None or not row.enabled:
            self._kept.pop(digest, None)
            raise Unauthenticated
        if row.wallet_suspended_at is not None or row.user_suspended_at is not None:
            self._kept.pop(digest, None)
            raise Forbidden("This account is suspended. Contact support to have it looked at.")
        return Grant(
            key_id=row.key_id,
            wallet_id=row.wallet_id,
            user_id=row.user_id,
            key_type=row.key_type,
            expires_at=row.expires_at,
            key_ver=row.key_ver,
            wallet_ver=row.wallet_ver,
            rpm=requests_per_minute(balance_n=row.balance_n, credit_limit_n=row.credit_limit_n),
        )
