"""Finding API keys, always within a wallet, or by the digest of a secret somebody showed."""

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


def team_keys(team_id: UUID) -> Select[ApiKey]:
    """The keys in use of a team; those of its members are not among them."""
    return select(ApiKey).where(ApiKey.team_id == team_id, ApiKey.deleted_at.is_(None)).order_by(ApiKey.id)


def shared_keys_of(org_id: UUID, user_id: UUID) -> Select[ApiKey]:
    """The keys in use of an organization and its teams that this account owns: it knows their secrets."""
    return (
        select(ApiKey)
        .where(
            ApiKey.org_id == org_id,
            ApiKey.user_id == user_id,
            ApiKey.member_id.is_(None),
            ApiKey.deleted_at.is_(None),
        )
        .order_by(ApiKey.id)
    )


def wallets_of_keys(user_id: UUID) -> Select[UUID]:
    """The wallets that an account's keys in use draw on."""
    return (
        select(ApiKey.wallet_id)
        .where(ApiKey.user_id == user_id, ApiKey.deleted_at.is_(None))
        .distinct()
        .order_by(ApiKey.wallet_id)
    )


def names_of(wallet_id: UUID, key_ids: Collection[UUID]) -> Select[UUID, str]:
    """The names of these keys, deleted ones too: their usage still has one."""
    return select(ApiKey.id, ApiKey.name).where(ApiKey.wallet_id == wallet_id, ApiKey.id.in_(key_ids))
