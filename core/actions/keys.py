"""API keys: making, changing, disabling and deleting them. Each change holds for the next call."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.actions.audit import OPERATOR, Actor, Subject, alter, record
from core.actions.changes import Holder
from core.actions.names import clean_name
from core.actions.scopes import place_of
from core.actions.versions import bump_key
from core.errors import BadRequest, Conflict
from core.ids import digest_key, new_key
from core.models import ApiKey, User
from core.money import MAX_USD, NANOS_PER_USD

MAX_KEYS = 1000
MAX_OVERLAP_HOURS = 72
LAST_YEAR = 9000  # the calendar of Python and PostgreSQL goes a little further; time zones need room
TYPES = ("standard", "management")
PERIODS = ("day", "week", "month")
# What the audit log tells of a new key: no secret, no digest.
SHOWN = (
    "name", "key_type", "scope", "team_id", "member_id", "user_id", "prefix", "suffix",
    "spend_limit_n", "spend_limit_period", "expires_at",
)  # fmt: skip


def create_key(
    session: Session,
    user: User,
    *,
    of: Holder | None = None,
    name: str,
    pepper: bytes,
    key_type: str = "standard",
    spend_limit_n: int | None = None,
    spend_limit_period: str = "month",
    expires_at: datetime | None = None,
    now: datetime,
    by: Actor = OPERATOR,
) -> tuple[ApiKey, str]:
    """Make a key the account owns, its own or `of` an organization, a team or a member.

    Returns it with its secret, which is never seen again. Raises BadRequest for an unusable field, Conflict
    when the account has too many keys, and what `place_of` raises.
    """
    secret = new_key()
    key = ApiKey(
        **_free_place(session, user, of, by=by),
        **_ends_of(secret),
        digest=digest_key(secret, pepper),
        user_id=user.id,
        name=clean_name(name),
        key_type=clean_type(key_type, of),
        spend_limit_n=clean_limit(spend_limit_n),
        spend_limit_period=clean_period(spend_limit_period),
        expires_at=clean_expiry(expires_at, now=now),
    )
    session.add(key)
    session.flush()  # the caller shows the id
    record(session, "key.created", _subject(key), by=by, after={name: getattr(key, name) for name in SHOWN})
    return key, secret


def _free_place(session: Session, user: User, of: Holder | None, *, by: Actor) -> dict[str, str | UUID]:
    place = place_of(session, user, of, by=by)
    alive = select(func.count()).where(
        ApiKey.wallet_id == place["wallet_id"], ApiKey.user_id == user.id, ApiKey.deleted_at.is_(None)
    )
    if (session.scalar(alive) or 0) >= MAX_KEYS:
        raise Conflict(f"An account can have {MAX_KEYS} keys. Delete one you no longer use.")
    return place


def _ends_of(secret: str) -> dict[str, str]:
    """What is shown of a secret, to tell it from others."""
    return {"prefix": secret[:10], "suffix": secret[-4:]}


def rename(session: Session, key: ApiKey, name: str, *, by: Actor = OPERATOR) -> None:
    _alter(session, key, {"name": clean_name(name)}, by=by)


def set_enabled(session: Session, key: ApiKey, *, enabled: bool, by: Actor = OPERATOR) -> None:
    if _alter(session, key, {"enabled": enabled}, by=by):
        bump_key(session, key)


def set_spend_limit(
    session: Session, key: ApiKey, limit_n: int | None, *, period: str | None = None, by: Actor = OPERATOR
) -> None:
    """Limit what the key may spend in a period; None lifts the limit."""
    changes: dict[str, object] = {"spend_limit_n": clean_limit(limit_n)}
    if period is not None:
        changes["spend_limit_period"] = clean_period(period)
    if _alter(session, key, changes, by=by):
        bump_key(session, key)


def rotate_key(
    session: Session,
    key: ApiKey,
    *,
    pepper: bytes,
    overlap_hours: int,
    now: datetime,
    by: Actor = OPERATOR,
) -> str:
    """Give the key a new secret and return it; the old one works for `overlap_hours` (0 to 72) more.

    It stays the same key: its limits, its spending and its usage go on.
    """
    secret = new_key()
    key.previous_digest, key.digest = key.digest, digest_key(secret, pepper)
    changes = {**_ends_of(secret), "previous_until": now + timedelta(hours=overlap_hours)}
    _alter(session, key, changes, by=by, action="key.rotated")
    bump_key(session, key)
    return secret


def delete_key(session: Session, key: ApiKey, *, now: datetime, by: Actor = OPERATOR) -> None:
    """Take the key out of use for good. Its usage stays."""
    if key.deleted_at is None:
        _alter(session, key, {"deleted_at": now}, by=by, action="key.deleted")
        bump_key(session, key)


def _alter(
    session: Session, key: ApiKey, changes: Mapping[str, object], *, by: Actor, action: str = "key.updated"
) -> frozenset[str]:
    return alter(session, key, changes, action=action, subject=_subject(key), by=by)


def _subject(key: ApiKey) -> Subject:
    return Subject("key", key.id, key.org_id, key.wallet_id)


def clean_type(key_type: str, of: Holder | None) -> str:
    if key_type not in TYPES:
        raise BadRequest(f"The key type must be one of: {', '.join(TYPES)}.", param="keyType")
    if key_type == "management" and of is not None:
        raise BadRequest(
            "A management key is an account's own, and has that account's rights in organizations too.",
            param="keyType",
        )
    return key_type


def clean_limit(limit_n: int | None) -> int | None:
    if limit_n is not None and not 0 <= limit_n <= MAX_USD * NANOS_PER_USD:
        raise BadRequest("The spend limit must be from 0 to 9,000,000 dollars.", param="spendLimitUsd")
    return limit_n


def clean_period(period: str) -> str:
    if period not in PERIODS:
        raise BadRequest(f"The period must be one of: {', '.join(PERIODS)}.", param="spendLimitPeriod")
    return period


def clean_expiry(expires_at: datetime | None, *, now: datetime) -> datetime | None:
    if expires_at is None:
        return None
    if expires_at.tzinfo is None:
        expires_at = expires_at.replace(tzinfo=UTC)
    if expires_at <= now or expires_at.year > LAST_YEAR:
        raise BadRequest(f"The expiry must be in the future, and before {LAST_YEAR}.", param="expiresAt")
    return expires_at
