"""Teams: making, changing and deleting them. An admin of the organization does."""

from datetime import datetime
from typing import TypedDict, Unpack

from sqlalchemy.orm import Session

from core.actions.audit import Actor, record
from core.actions.changes import change, clean_budget, lock_as_admin, subject_of
from core.actions.keys import delete_key
from core.actions.names import clean_name
from core.errors import BadRequest, Conflict
from core.models import Org, Team
from core.queries.keys import team_keys
from core.queries.members import members_of
from core.queries.teams import team_named

MAX_COST_CENTER = 50


class TeamFields(TypedDict, total=False):
    """What a team can be given; what is not named stays. A budget of None is no budget."""

    name: str
    cost_center_code: str
    monthly_budget_n: int | None


def create_team(
    session: Session,
    org: Org,
    *,
    name: str,
    cost_center_code: str = "",
    monthly_budget_n: int | None = None,
    by: Actor,
) -> Team:
    """Add a team. Raises BadRequest for an unusable field, Conflict for a name that is taken."""
    lock_as_admin(session, org, by=by)
    wanted = _cleaned(
        {"name": name, "cost_center_code": cost_center_code, "monthly_budget_n": monthly_budget_n}
    )
    _refuse_taken(session, org, str(wanted["name"]))
    team = Team(org_id=org.id, **wanted)
    session.add(team)
    session.flush()  # the entry names it
    record(session, "team.created", subject_of(org, team), by=by, after=wanted)
    return team


def update_team(session: Session, team: Team, *, by: Actor, **fields: Unpack[TeamFields]) -> None:
    """Change the fields that are named. Raises BadRequest and Conflict as above."""
    org = lock_as_admin(session, team, by=by)
    wanted = _cleaned(fields)
    name = str(wanted.get("name", team.name))
    if name.lower() != team.name.lower():
        _refuse_taken(session, org, name)
    change(session, org, team, wanted, by=by, action="team.updated")


def delete_team(session: Session, team: Team, *, now: datetime, by: Actor) -> None:
    """Take a team away with its keys. Raises Conflict while it has members: its limits hold for them."""
    org = lock_as_admin(session, team, by=by)
    if session.execute(members_of(org.id, team_id=team.id).limit(1)).first() is not None:
        raise Conflict("The team has members. Give them another team, or none, first.")
    for key in session.scalars(team_keys(team.id)):
        delete_key(session, key, now=now, by=by)
    change(session, org, team, {"deleted_at": now}, by=by, action="team.deleted")


def _refuse_taken(session: Session, org: Org, name: str) -> None:
    if session.scalar(team_named(org.id, name)) is not None:
        raise Conflict(f"There is a team named {name} already.")


def _cleaned(fields: TeamFields) -> dict[str, object]:
    wanted: dict[str, object] = dict(fields)
    if "name" in fields:
        wanted["name"] = clean_name(fields["name"])
    if "cost_center_code" in fields:
        wanted["cost_center_code"] = _cost_center(fields["cost_center_code"])
    if "monthly_budget_n" in fields:
        wanted["monthly_budget_n"] = clean_budget(fields["monthly_budget_n"])
    return wanted


def _cost_center(code: str) -> str:
    text = code.strip()
    if len(text) > MAX_COST_CENTER or not text.isprintable():
        raise BadRequest(
            f"The cost center code must have at most {MAX_COST_CENTER} characters.", param="costCenterCode"
        )
    return text
