"""Grants: what a credential allows, found by its digest and kept in memory.

A kept grant is only a copy: admission compares its versions with the database, so a changed key is seen by
the next call. What is refused here is always read fresh, so a key that is enabled again works at once.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal, Self

import structlog
from aiohttp import web
from multidict import istr
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.charging.calls import Caller
from core.config import Settings
from core.errors import BadRequest, Forbidden, Unauthenticated, Unavailable
from core.ids import EDUCATION_PREFIX, digest_key, is_well_formed
from core.queries.grants import BREAKER, grant_by_digest
from core.rules.allowed_models import is_allowed
from core.rules.breakers import BreakerSettings
from core.rules.callers import Place, fuses_of, subjects_of
from core.rules.rates import requests_per_minute

KEPT = 50_000
MAX_CREDENTIAL = 200
REREAD_S = 300.0  # what changes without a version: the tier of a balance that shrinks
AUTHORIZATION, API_KEY = istr("Authorization"), istr("x-api-key")
SCOPES: tuple[Literal["org", "team", "member"], ...] = ("org", "team", "member")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator sets for every credential."""

    at_once: int  # calls of a key that may run at the same time
    rpm: tuple[int, int]  # calls a minute: of a small balance, of others

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.calls_at_once, (settings.rpm_free, settings.rpm_paid))


@dataclass(frozen=True, slots=True)
class Grant:
    """What a credential allows."""

    caller: Caller
    key_type: str
    expires_at: datetime | None
    allowed_models: tuple[frozenset[str], ...]  # a model must be on each of these lists
    read_at: float  # by the monotonic clock

    def is_over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    def allows(self, model_ids: Sequence[str]) -> bool:
        return all(is_allowed(model_id, self.allowed_models) for model_id in model_ids)

    def refuse_management(self) -> None:
        """Raise Forbidden for a key that is there to manage, not to call models."""
        if self.key_type != "standard":
            raise Forbidden("Management keys cannot call models. Create a standard key for that.")

    def refuse_models(self, model_ids: Sequence[str]) -> None:
        """Raise Forbidden when one of the lists leaves out one of these models."""
        if not self.allows(model_ids):
            raise Forbidden("Model is not allowed for this account", code="model_not_allowed")


def credential(request: web.Request) -> str | None:
    """The secret a request shows, in `Authorization: Bearer` or `x-api-key`; None when it shows none."""
    scheme, _, bearer = request.headers.get(AUTHORIZATION, "").partition(" ")
    if bearer and scheme.lower() != "bearer":
        raise Unauthenticated
    bearer, other = bearer.strip(), request.headers.get(API_KEY, "").strip()
    if bearer and other and bearer != other:
        raise BadRequest("Authorization and x-api-key show different keys. Send one of them.")
    return bearer or other or None


class Grants:
    """Finds grants. Refuses, without a look-up, what cannot be a key of ours."""

    def __init__(self, engine: AsyncEngine, *, pepper: bytes, rules: Rules) -> None:
        self._engine = engine
        self._rules = rules
        self._pepper = pepper
        # By a hash only this process can make: a fourth of what the digest costs that PostgreSQL knows.
        self._kept: dict[bytes, Grant] = {}
        self._salt = os.urandom(32)

    async def find(self, secret: str | None, *, fresh: bool = False) -> Grant:
        """The grant of a live key. Raises Unauthenticated or Forbidden. `fresh` passes the memory by."""
        if secret is None or len(secret) > MAX_CREDENTIAL or not secret.isascii():
            raise Unauthenticated
        name = sha256(self._salt + secret.encode()).digest()
        grant = None if fresh else self._kept.get(name)
        if grant is None or grant.is_over() or time.monotonic() - grant.read_at > REREAD_S:
            grant = await self._look_up(secret, name)
        if grant.is_over():
            raise Unauthenticated
        return grant

    async def find_for_models(self, secret: str | None, *, fresh: bool = False) -> Grant:
        """The grant of a key that may call models. Raises Forbidden for a management key."""
        grant = await self.find(secret, fresh=fresh)
        grant.refuse_management()
        return grant

    async def with_models(self, grant: Grant, secret: str | None, model_ids: Sequence[str]) -> Grant:
        """The grant, where it allows all of these models; else what it is by now. Raises Forbidden."""
        if grant.allowed_models and not grant.allows(model_ids):
            grant = await self.find_for_models(secret, fresh=True)
            grant.refuse_models(model_ids)
        return grant

    async def _look_up(self, secret: str, name: bytes) -> Grant:
        if not is_well_formed(secret):
            raise Unauthenticated
        if secret.startswith(EDUCATION_PREFIX):
            raise Forbidden(
                "Education keys cannot be used directly. Visit /access to exchange for a session."
            )
        try:
            grant = await self._read(digest_key(secret, self._pepper))
        except (Unauthenticated, Forbidden):
            self._kept.pop(name, None)
            raise
        if len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[name] = grant
        return grant

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
            raise Unauthenticated
        if row.wallet_suspended_at is not None or row.user_suspended_at is not None:
            raise Forbidden("This account is suspended. Contact support to have it looked at.")
        return Grant(
            caller=_caller(row, self._rules),
            key_type=row.key_type,
            expires_at=row.expires_at,
            allowed_models=_allowed_models(row),
            read_at=time.monotonic(),
        )


def _caller(row: Any, rules: Rules) -> Caller:
    place = Place(row.key_id, row.org_id, row.team_id, row.member_id)
    return Caller(
        key_id=row.key_id,
        key_ver=row.key_ver,
        wallet_id=row.wallet_id,
        wallet_ver=row.wallet_ver,
        bucket=row.bucket,
        user_id=row.user_id,
        team_id=row.team_id,
        member_id=row.member_id,
        subjects=subjects_of(
            place,
            limit_n=row.spend_limit_n,
            period=row.spend_limit_period,
            member_budget_n=row.member_budget_n,
            team_budget_n=row.team_budget_n,
        ),
        fuses=fuses_of(place, {scope: _breaker(row, scope) for scope in SCOPES}),
        rpm=requests_per_minute(balance_n=row.balance_n, credit_limit_n=row.credit_limit_n, tiers=rules.rpm),
        rpm_owner=row.member_id or row.user_id,
        at_once=rules.at_once,
    )


def _breaker(row: Any, scope: str) -> BreakerSettings:
    return BreakerSettings(*(getattr(row, f"{scope}_{name}") for name in BREAKER))


def _allowed_models(row: Any) -> tuple[frozenset[str], ...]:
    lists = (getattr(row, f"{scope}_allowed_models") for scope in SCOPES)
    return tuple(frozenset(allowed) for allowed in lists if allowed)
