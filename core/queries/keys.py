"""Finding API keys, always within a wallet, or by the digest of a secret somebody showed."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from core.models import ApiKey, User, Wallet


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


def names_of(wallet_id: UUID) -> Select[UUID, str]:
    """Every key's name, deleted ones too: their usage still has one."""
    return select(ApiKey.id, ApiKey.name).where(ApiKey.wallet_id == wallet_id)


def grant_by_digest(digest: bytes) -> Select[*tuple[Any, ...]]:
    """All that decides whether a secret may do anything, in one row."""
    return (
        select(
            ApiKey.id.label("key_id"),
            ApiKey.wallet_id,
            ApiKey.user_id,
            ApiKey.key_type,
            ApiKey.enabled,
            ApiKey.expires_at,
            ApiKey.ver.label("key_ver"),
            Wallet.ver.label("wallet_ver"),
            Wallet.suspended_at.label("wallet_suspended_at"),
            User.suspended_at.label("user_suspended_at"),
        )
        .join(Wallet, Wallet.id == ApiKey.wallet_id)
        .join(User, User.id == ApiKey.user_id)
        .where(ApiKey.digest == digest, ApiKey.deleted_at.is_(None))
    )
