"""Whose a key is: an account's own, or an organization's, a team's, a member's."""

from uuid import UUID

from sqlalchemy.orm import Session

from core.actions.audit import Actor
from core.actions.changes import Holder, authority_of, lock
from core.errors import BadRequest, Forbidden
from core.models import Member, Org, Team, User
from core.queries.members import membership_of
from core.rules.roles import Authority, may_give_role, runs_org, runs_team


def place_of(session: Session, user: User, of: Holder | None, *, by: Actor) -> dict[str, str | UUID]:
    """The columns that say whose a key of this owner is, and which wallet it draws on.

    Raises BadRequest when the owner is no member, Forbidden when `by` may not make keys there, NotFound when
    what it would be of is gone.
    """
    if of is None:
        return {"scope": "personal", "wallet_id": user.wallet_id}
    org = lock(session, of)
    if not _may_make(authority_of(session, org, by), of, by):
        raise Forbidden("You may make keys for yourself, and for those you are an admin of.")
    if session.scalar(membership_of(org.id, user.id)) is None:
        raise BadRequest("The owner of the key must be a member of the organization.", param="email")
    place: dict[str, str | UUID] = {"org_id": org.id, "wallet_id": org.wallet_id}
    if isinstance(of, Team):
        return {**place, "scope": "team", "team_id": of.id}
    if isinstance(of, Member):
        if of.user_id != user.id:
            raise BadRequest("The key of a member is owned by that member.", param="email")
        return {**place, "scope": "member", "member_id": of.id}
    return {**place, "scope": "org"}


def _may_make(authority: Authority, of: Holder, by: Actor) -> bool:
    if isinstance(of, Org):
        return runs_org(authority)
    if isinstance(of, Team):
        return runs_team(authority, of.id)
    return of.user_id == by.user_id or may_give_role(authority, of.role, of.team_id)
