"""Finding organizations."""

from uuid import UUID

from sqlalchemy import Select, select

from core.models import Member, Org, Wallet


def org_by_id(org_id: UUID) -> Select[Org]:
    """One organization, whoever asks: for operators only."""
    return select(Org).where(Org.id == org_id)


def orgs_named(name: str) -> Select[Org]:
    """Organizations of this name, there may be several: for operators only."""
    return select(Org).where(Org.name == name).order_by(Org.id)


def org_of_wallet(wallet_id: UUID) -> Select[UUID]:
    """The id of the organization that pays from this wallet; none for an account's."""
    return select(Org.id).where(Org.wallet_id == wallet_id)


def latest_orgs(*, limit: int) -> Select[Org, Wallet]:
    """The newest organizations, each with its wallet: for operators only."""
    return select(Org, Wallet).join(Wallet, Wallet.id == Org.wallet_id).order_by(Org.id.desc()).limit(limit)


def orgs_of(user_id: UUID) -> Select[Org, Member]:
    """The organizations an account is a member of, each with what it is there."""
    return (
        select(Org, Member)
        .join(Member, Member.org_id == Org.id)
        .where(Member.user_id == user_id, Member.removed_at.is_(None))
        .order_by(Org.name, Org.id)
    )


def org_of(user_id: UUID, org_id: UUID) -> Select[Org, Member]:
    """One of an account's organizations: no member of it means not found."""
    return orgs_of(user_id).where(Org.id == org_id)
