"""Finding API keys, always within a wallet."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, select

from core.models import ApiKey


def keys_of(wallet_id: UUID) -> Select[ApiKey]:
    """The keys in use, newest first."""
    return (
        select(ApiKey)
        .where(ApiKey.wallet_id == wallet_id, ApiKey.deleted_at.is_(None))
        .order_by(ApiKey.id.desc())
    )


def key_of(wallet_id: UUID, key_id: UUID) -> Select[ApiKey]:
    """One key in use: not in this wallet means not found."""
    return select(ApiKey).where(
        ApiKey.wallet_id == wallet_id, ApiKey.id == key_id, ApiKey.deleted_at.is_(None)
    )


def key_by_id(key_id: UUID) -> Select[ApiKey]:
    """One key in use, of whatever wallet: for operators only."""
    return select(ApiKey).where(ApiKey.id == key_id, ApiKey.deleted_at.is_(None))


def names_of(wallet_id: UUID, key_ids: Collection[UUID]) -> Select[UUID, str]:
    """The names of these keys, deleted ones too: their usage still has one."""
    return select(ApiKey.id, ApiKey.name).where(ApiKey.wallet_id == wallet_id, ApiKey.id.in_(key_ids))
