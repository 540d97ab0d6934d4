"""API keys: making, changing, disabling and deleting them. Each change holds for the next call."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import BadRequest, Conflict
from core.ids import digest_key, new_key
from core.models import ApiKey, User
from core.money import MAX_USD, NANOS_PER_USD

MAX_NAME = 100
MAX_KEYS = 1000
MAX_OVERLAP_HOURS = 72
LAST_YEAR = 9000  # the calendar of Python and PostgreSQL goes a little further; time zones need room
TYPES = ("standard", "management")
PERIODS = ("day", "week", "month")


def create_key(
    session: Session,
    user: User,
    *,
    name: str,
    pepper: bytes,
    key_type: str = "standard",
    spend_limit_n: int | None = None,
    spend_limit_period: str = "month",
    expires_at: datetime | None = None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Make a key on the user's wallet. Returns it with its secret, which is never seen again.

    Raises BadRequest for an unusable field, Conflict when the user has too many keys.
    """
    _refuse_too_many(session, user)
    secret = new_key()
    key = ApiKey(
        wallet_id=user.wallet_id,
        user_id=user.id,
        name=clean_name(name),
        key_type=clean_type(key_type),
        prefix=secret[:10],
        suffix=secret[-4:],
        digest=digest_key(secret, pepper),
        spend_limit_n=clean_limit(spend_limit_n),
        spend_limit_period=clean_period(spend_limit_period),
        expires_at=clean_expiry(expires_at, now=now),
    )
    session.add(key)
    session.flush()  # the caller shows the id
    return key, secret


def _refuse_too_many(session: Session, user: User) -> None:
    alive = select(func.count()).where(ApiKey.wallet_id == user.wallet_id, ApiKey.deleted_at.is_(None))
    if (session.scalar(alive) or 0) >= MAX_KEYS:
        raise Conflict(f"An account can have {MAX_KEYS} keys. Delete one you no longer use.")


def rename(key: ApiKey, name: str) -> None:
    key.name = clean_name(name)


def set_enabled(key: ApiKey, *, enabled: bool) -> None:
    if key.enabled != enabled:
        key.enabled = enabled
        _has_changed(key)


def set_spend_limit(key: ApiKey, limit_n: int | None, *, period: str | None = None) -> None:
    """Limit what the key may spend in a period; None lifts the limit."""
    key.spend_limit_n = clean_limit(limit_n)
    if period is not None:
        key.spend_limit_period = clean_period(period)
    _has_changed(key)


def rotate_key(key: ApiKey, *, pepper: bytes, overlap_hours: int, now: datetime) -> str:
    """Give the key a new secret and return it; the old one works for `overlap_hours` (0 to 72) more.

    It stays the same key: its limits, its spending and its usage go on.
    """
    secret = new_key()
    key.previous_digest, key.previous_until = key.digest, now + timedelta(hours=overlap_hours)
    key.digest, key.prefix, key.suffix = digest_key(secret, pepper), secret[:10], secret[-4:]
    _has_changed(key)
    return secret


def delete_key(key: ApiKey, *, now: datetime) -> None:
    """Take the key out of use for good. Its usage stays."""
    if key.deleted_at is None:
        key.deleted_at = now
        _has_changed(key)


def _has_changed(key: ApiKey) -> None:
    """Counted by the database: of two changes at once, each must send running processes to read again."""
    key.ver = ApiKey.ver + 1


def clean_name(name: str) -> str:
    text = "".join(c for c in name if c.isprintable()).strip()
    if not 1 <= len(text) <= MAX_NAME:
        raise BadRequest(f"The name must have 1 to {MAX_NAME} characters.", param="name")
    return text


def clean_type(key_type: str) -> str:
    if key_type not in TYPES:
        raise BadRequest(f"The key type must be one of: {', '.join(TYPES)}.", param="keyType")
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
