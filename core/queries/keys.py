"""Finding API keys, always within a wallet, or by the digest of a secret somebody showed."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, or_, select

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


def names_of(wallet_id: UUID, key_ids: Collection[UUID]) -> Select[UUID, str]:
    """The names of these keys, deleted ones too: their usage still has one."""
    return select(ApiKey.id, ApiKey.name).where(ApiKey.wallet_id == wallet_id, ApiKey.id.in_(key_ids))


def grant_by_digest(digest: bytes) -> Select[*tuple[Any, ...]]:
    """All that decides whether a secret may do anything, in one row. Secrets rotated away are found too.

    A secret that was rotated away expires when its overlap ends, or with its key.
    """
    expiry = case(
        (ApiKey.digest == digest, ApiKey.expires_at),
        else_=func.least(ApiKey.expires_at, ApiKey.previous_until),
    )
    return (
        select(
            ApiKey.id.label("key_id"),
            ApiKey.wallet_id,
            ApiKey.user_id,
            ApiKey.key_type,
            ApiKey.enabled,
            expiry.label("expires_at"),
            ApiKey.ver.label("key_ver"),
            Wallet.ver.label("wallet_ver"),
            Wallet.balance_n,
            Wallet.credit_limit_n,
            Wallet.suspended_at.label("wallet_suspended_at"),
            User.suspended_at.label("user_suspended_at"),
        )
        .join(Wallet, Wallet.id == ApiKey.wallet_id)
        .join(User, User.id == ApiKey.user_id)
        .where(or_(ApiKey.digest == digest, ApiKey.previous_digest == digest), ApiKey.deleted_at.is_(None))
    )
