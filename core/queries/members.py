"""Finding members, always within an organization. Who was removed is none."""

from uuid import UUID

from sqlalchemy import Select, select

from core.models import Member, User


def members_of(org_id: UUID, *, team_id: UUID | None = None) -> Select[Member, User]:
    """The members, or those of one team, each with its account, by mail address."""
    found = (
        select(Member, User)
        .join(User, User.id == Member.user_id)
        .where(Member.org_id == org_id, Member.removed_at.is_(None))
    )
    if team_id is not None:
        found = found.where(Member.team_id == team_id)
    return found.order_by(User.email)


def member_of(org_id: UUID, member_id: UUID) -> Select[Member]:
    """One member: not in this organization means not found."""
    return select(Member).where(Member.org_id == org_id, Member.id == member_id, Member.removed_at.is_(None))


def membership_of(org_id: UUID, user_id: UUID) -> Select[Member]:
    """What an account is in this organization; none: it is no member."""
    return select(Member).where(
        Member.org_id == org_id, Member.user_id == user_id, Member.removed_at.is_(None)
    )


def any_membership_of(org_id: UUID, user_id: UUID) -> Select[Member]:
    """What an account is or was in this organization."""
    return select(Member).where(Member.org_id == org_id, Member.user_id == user_id)


def other_admins(member: Member) -> Select[UUID]:
    """Who else runs the member's organization and can sign in."""
    return (
        select(Member.id)
        .join(User, User.id == Member.user_id)
        .where(
            Member.org_id == member.org_id,
            Member.id != member.id,
            Member.role == "org_admin",
            Member.removed_at.is_(None),
            User.suspended_at.is_(None),
        )
    )
