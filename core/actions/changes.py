"""Changing an organization, its teams and its members: one change after the other, written down, in force for
the next call.

All of them hold the organization's row. So what a change was judged by (who may do it, who else is an admin)
is still so when it is made.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from core.actions.audit import Actor, Subject, alter
from core.actions.versions import bump_wallet
from core.errors import BadRequest, Forbidden, NotFound
from core.models import Member, Org, Team
from core.money import MAX_USD, NANOS_PER_USD
from core.queries.members import membership_of
from core.rules.roles import EVERYTHING, Authority, narrower, runs_org

Holder = Org | Team | Member  # who has allowed models, breaker settings, keys
KINDS: Mapping[type[Holder], str] = {Org: "org", Team: "team", Member: "member"}
LABELS = frozenset({"name", "cost_center_code"})  # decide about no call
ADMINS_ONLY = "Only an admin of the organization may do this."


def lock(session: Session, holder: Holder) -> Org:
    """Hold the organization until the transaction ends, and see everything as it is now.

    Raises NotFound for a team that was deleted and a member who was removed in the meantime.
    """
    org_id = holder.id if isinstance(holder, Org) else holder.org_id
    org = session.get_one(Org, org_id, with_for_update={"key_share": True}, populate_existing=True)
    if not isinstance(holder, Org):
        session.refresh(holder)
        gone_at = holder.deleted_at if isinstance(holder, Team) else holder.removed_at
        if gone_at is not None:
            raise NotFound(f"There is no such {KINDS[type(holder)]} any more.")
    return org


def authority_of(session: Session, org: Org, by: Actor) -> Authority:
    """What somebody may decide in a locked organization. Raises NotFound: for others it is not there."""
    if by.kind in {"operator", "system"}:
        return EVERYTHING
    fresh = {"populate_existing": True}
    found = membership_of(org.id, by.user_id) if by.user_id is not None else None
    member = session.scalar(found, execution_options=fresh) if found is not None else None
    if member is None:
        raise NotFound("There is no such organization.")
    team = session.get(Team, member.team_id, populate_existing=True) if member.team_id is not None else None
    budget_n = narrower(member.monthly_budget_n, team.monthly_budget_n if team is not None else None)
    return Authority(member.role, member.team_id, budget_n)


def lock_as_admin(session: Session, holder: Holder, *, by: Actor) -> Org:
    """Hold the organization for somebody who runs all of it. Raises Forbidden for who does not."""
    org = lock(session, holder)
    if not runs_org(authority_of(session, org, by)):
        raise Forbidden(ADMINS_ONLY)
    return org


def change(
    session: Session, org: Org, holder: Holder, changes: Mapping[str, object], *, by: Actor, action: str
) -> bool:
    """Set these fields of what is locked. Says whether anything changed."""
    changed = alter(session, holder, changes, action=action, subject=subject_of(org, holder), by=by)
    if changed - LABELS:
        bump_wallet(session, org.wallet_id)
    return bool(changed)


def subject_of(org: Org, holder: Holder) -> Subject:
    return Subject(KINDS[type(holder)], holder.id, org.id, org.wallet_id)


def clean_budget(budget_n: int | None) -> int | None:
    if budget_n is not None and not 0 <= budget_n <= MAX_USD * NANOS_PER_USD:
        raise BadRequest("The monthly budget must be from 0 to 9,000,000 dollars.", param="monthlyBudget")
    return budget_n
