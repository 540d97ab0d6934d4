"""Finding the organization, the team or the member a command is about, and whoever pays from a wallet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import click
from sqlalchemy.orm import Session

from cli.people import the_user
from core.actions.changes import Holder
from core.errors import BadRequest, Conflict, NotFound
from core.models import Member, Org, Team
from core.queries.members import membership_of
from core.queries.orgs import org_by_id, orgs_named
from core.queries.teams import team_named, team_of

F = TypeVar("F", bound=Callable[..., Any])


def in_org(command: F) -> F:
    """The option that names an organization."""
    return click.option(
        "--org",
        required=True,
        metavar="ORG",
        help="The organization: its id, or its name if it is the only one.",
    )(command)


def of_holder(command: F) -> F:
    """The options that name an organization, or a team or a member of it."""
    command = click.option("--member", metavar="EMAIL", help="A member of it.")(command)
    command = click.option("--team", metavar="TEAM", help="A team of it: its name, or its id.")(command)
    return in_org(command)


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose wallet it is; `data` says so to programs."""

    wallet_id: UUID
    data: dict[str, object]


def the_payer(session: Session, who: str) -> Payer:
    """The account of a mail address, or else an organization."""
    if "@" in who:
        user = the_user(session, who)
        return Payer(user.wallet_id, {"email": user.email})
    org = the_org(session, who)
    return Payer(org.wallet_id, {"org_id": org.id, "org": org.name})


def the_org(session: Session, org: str) -> Org:
    """The organization of this id or name. Raises NotFound naming it, Conflict when several have the name."""
    if (org_id := _uuid(org)) is not None:
        found = session.scalars(org_by_id(org_id)).all()
    else:
        found = session.scalars(orgs_named(org)).all()
    if not found:
        raise NotFound(f"There is no organization {org}. See bazaar org list.")
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} organizations are named {org}. Give the id of one: see bazaar org list."
        )
    return found[0]


def the_team(session: Session, org: Org, team: str) -> Team:
    """The organization's team of this name or id. Raises NotFound naming it."""
    team_id = _uuid(team)
    found = session.scalar(team_named(org.id, team) if team_id is None else team_of(org.id, team_id))
    if found is None:
        raise NotFound(f"{org.name} has no team {team}. See bazaar team list --org {org.id}.")
    return found


def the_member(session: Session, org: Org, email: str) -> Member:
    """The organization's member of this mail address. Raises NotFound naming it."""
    found = session.scalar(membership_of(org.id, the_user(session, email).id))
    if found is None:
        raise NotFound(f"{email} is no member of {org.name}. See bazaar member list --org {org.id}.")
    return found


def the_holder(session: Session, *, org: str, team: str | None, member: str | None) -> Holder:
    """What the options name. Raises BadRequest for a team and a member at once."""
    if team is not None and member is not None:
        raise BadRequest("Give --team or --member, not both.", param="member")
    found = the_org(session, org)
    if team is not None:
        return the_team(session, found, team)
    return found if member is None else the_member(session, found, member)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
