"""Members: adding, changing and removing them. Admins do, of the organization or of the member's team."""

from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy.orm import Session

from core.actions.audit import Actor, record
from core.actions.changes import authority_of, change, clean_budget, lock, subject_of
from core.actions.users import clean_email
from core.actions.versions import bump_wallet
from core.errors import BadRequest, Conflict, Forbidden, NotFound
from core.models import Member, Org, User
from core.money import format_usd
from core.queries.members import any_membership_of, other_admins
from core.queries.teams import team_of
from core.queries.users import user_by_email
from core.rules.roles import ROLES, Authority, may_give_budget, may_give_role


class MemberFields(TypedDict, total=False):
    """What a member can be given; what is not named stays. None: no team, no budget."""

    role: str
    team_id: UUID | None
    monthly_budget_n: int | None


def add_member(
    session: Session,
    org: Org,
    *,
    email: str,
    role: str = "member",
    team_id: UUID | None = None,
    monthly_budget_n: int | None = None,
    by: Actor,
) -> Member:
    """Make an account a member; who was one before is it again, with the keys of then.

    Raises BadRequest for an unusable field, NotFound for an address without an account, Conflict for a
    member, Forbidden for what `by` may not give.
    """
    lock(session, org)
    wanted = MemberFields(role=role, team_id=team_id, monthly_budget_n=monthly_budget_n)
    _refuse(session, org, wanted, authority_of(session, org, by))
    user = _account(session, email, by=by)
    member = session.scalar(any_membership_of(org.id, user.id), execution_options={"populate_existing": True})
    if member is not None and member.removed_at is None:
        raise Conflict(f"{user.email} is a member already.")
    if member is not None:
        change(session, org, member, {**wanted, "removed_at": None}, by=by, action="member.added")
        return member
    member = Member(org_id=org.id, user_id=user.id, **wanted)
    session.add(member)
    session.flush()  # the entry names it
    record(session, "member.added", subject_of(org, member), by=by, after={"user_id": user.id, **wanted})
    bump_wallet(session, org.wallet_id)
    return member


def update_member(session: Session, member: Member, *, by: Actor, **fields: Unpack[MemberFields]) -> None:
    """Change the fields that are named. Raises BadRequest for an unusable field, for a team admin without a
    team and for the last admin's demotion; Forbidden for what `by` may not give or take.
    """
    org = lock(session, member)
    authority = authority_of(session, org, by)
    _refuse_to_outsiders(authority, member)
    wanted = MemberFields(role=member.role, team_id=member.team_id)
    wanted.update(fields)
    _refuse(session, org, wanted, authority)
    if wanted["role"] != "org_admin":
        _refuse_last_admin(session, member)
    change(session, org, member, {**fields}, by=by, action="member.updated")


def remove_member(session: Session, member: Member, *, now: datetime, by: Actor) -> None:
    """End a membership: the member's keys stop working. Raises BadRequest for the last admin."""
    org = lock(session, member)
    _refuse_to_outsiders(authority_of(session, org, by), member)
    _refuse_last_admin(session, member)
    change(session, org, member, {"removed_at": now}, by=by, action="member.removed")


def _account(session: Session, email: str, *, by: Actor) -> User:
    """The account of an address. Only an operator takes it on trust that the address is its owner's."""
    user = session.scalar(user_by_email(clean_email(email)))
    if user is None or (user.verified_at is None and by.kind != "operator"):
        raise NotFound(f"There is no account with the confirmed mail address {email}.")
    return user


def _refuse(session: Session, org: Org, wanted: MemberFields, authority: Authority) -> None:
    """Raise for fields that make no sense, or that whoever gives them does not have."""
    role, team_id = wanted["role"], wanted["team_id"]
    if role not in ROLES:
        raise BadRequest(f"The role must be one of: {', '.join(ROLES)}.", param="role")
    if role == "team_admin" and team_id is None:
        raise BadRequest("A team admin needs a team.", param="teamId")
    if team_id is not None and session.scalar(team_of(org.id, team_id)) is None:
        raise NotFound("There is no such team.")
    if not may_give_role(authority, role, team_id):
        raise Forbidden("You may not give this role in this team: it is wider than your own.")
    if "monthly_budget_n" in wanted and not may_give_budget(
        authority, clean_budget(wanted["monthly_budget_n"])
    ):
        raise Forbidden(f"You may give a monthly budget of at most {format_usd(authority.budget_n or 0)}.")


def _refuse_to_outsiders(authority: Authority, member: Member) -> None:
    if not may_give_role(authority, member.role, member.team_id):
        raise Forbidden("Only an admin of the organization, or of the member's team, may do this.")


def _refuse_last_admin(session: Session, member: Member) -> None:
    if member.role == "org_admin" and session.scalar(other_admins(member).limit(1)) is None:
        raise BadRequest("This is the organization's last admin. Make somebody else one first.", param="role")
