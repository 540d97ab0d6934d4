"""`member`: accounts in an organization."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, facts, table
from cli.environment import in_transaction
from cli.options import USD, Noun, changed
from cli.scopes import in_org, the_member, the_org, the_team
from core.actions import members as actions
from core.actions.audit import OPERATOR
from core.errors import BadRequest
from core.models import Member, User
from core.money import Nanos, format_usd, usd
from core.queries.keys import shared_keys_of
from core.queries.members import members_of
from core.queries.teams import teams_of
from core.rules.roles import ROLES

BUDGET = click.option(
    "--budget", type=USD, metavar="USD", help="The most they may spend in a month through keys of their own."
)


@click.group("member", cls=Noun)
def members() -> None:
    """Members of an organization. A change holds for the very next call."""


@members.command("add")
@click.argument("email")
@in_org
@click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)
@click.option("--team", metavar="TEAM", help="Their team; a team_admin needs one.")
@BUDGET
@in_transaction
def add(
    session: Session, /, email: str, *, org: str, role: str, team: str | None, budget: Nanos | None
) -> Answer:
    r"""Make an account a member; who was one before has the keys of then again.

    \b
    bazaar member add bob@example.com --org Acme --team Research --budget 50
    bazaar member add eve@example.com --org Acme --team Research --role team_admin
    """
    found = the_org(session, org)
    member = actions.add_member(
        session,
        found,
        email=email,
        role=role,
        team_id=None if team is None else the_team(session, found, team).id,
        monthly_budget_n=budget,
        by=OPERATOR,
    )
    return _answer(session, member)


@members.command("list")
@in_org
@click.option("--team", metavar="TEAM", help="Only of this team.")
@in_transaction
def show(session: Session, /, *, org: str, team: str | None) -> Answer:
    r"""The members of an organization, by mail address.

    \b
    bazaar member list --org Acme --team Research
    """
    found = the_org(session, org)
    team_id = None if team is None else the_team(session, found, team).id
    names = {team.id: team.name for team in session.scalars(teams_of(found.id))}
    rows = session.execute(members_of(found.id, team_id=team_id)).all()
    lines = [
        (
            user.email,
            member.role,
            _team(member, names),
            _budget(member),
            ", ".join(member.allowed_models) or "all",
        )
        for member, user in rows
    ]
    heads = ("EMAIL", "ROLE", "TEAM", "BUDGET", "ALLOWED MODELS")
    text = table(heads, lines, right=frozenset({3})) if lines else "No members."
    return Answer({"members": [_data(member, user) for member, user in rows]}, text)


@members.command("set")
@click.argument("email")
@in_org
@click.option("--role", type=click.Choice(ROLES))
@click.option("--team", metavar="TEAM", help="Their team from now on.")
@click.option("--no-team", is_flag=True, help="They are in no team from now on.")
@BUDGET
@click.option("--no-budget", is_flag=True, help="Take their budget away.")
@in_transaction
def update(
    session: Session,
    /,
    email: str,
    *,
    org: str,
    role: str | None,
    team: str | None,
    no_team: bool,
    budget: Nanos | None,
    no_budget: bool,
) -> Answer:
    r"""Change what is named of a member.

    \b
    bazaar member set bob@example.com --org Acme --role billing_viewer --no-team
    bazaar member set bob@example.com --org Acme --budget 80
    """
    found = the_org(session, org)
    member = the_member(session, found, email)
    team_id = None if team is None else the_team(session, found, team).id
    changes: Any = {} if role is None else {"role": role}
    changes |= changed("team_id", team_id, cleared=no_team, option="team")
    changes |= changed("monthly_budget_n", budget, cleared=no_budget, option="budget")
    if not changes:
        raise BadRequest("Name at least one field to change.")
    actions.update_member(session, member, by=OPERATOR, **changes)
    return _answer(session, member)


@members.command("remove")
@click.argument("email")
@in_org
@in_transaction
def remove(session: Session, /, email: str, *, org: str) -> Answer:
    """End a membership. Keys of the member stop working; those of teams and of the organization work on."""
    found = the_org(session, org)
    member = the_member(session, found, email)
    actions.remove_member(session, member, now=datetime.now(UTC), by=OPERATOR)
    shared = session.scalars(shared_keys_of(found.id, member.user_id)).all()
    text = f"{email} is no member of {found.name} any more."
    if shared:
        names = ", ".join(key.name for key in shared)
        text += f"\nThey know the secrets of keys that still work: {names}. Replace those."
    return Answer({"id": member.id, "removed": True, "shared_keys": [key.id for key in shared]}, text)


def _answer(session: Session, member: Member) -> Answer:
    user = session.get_one(User, member.user_id)
    names = {team.id: team.name for team in session.scalars(teams_of(member.org_id))}
    shown = [
        ("Member", user.email),
        ("Role", member.role),
        ("Team", _team(member, names)),
        ("Monthly budget", _budget(member)),
        ("Id", member.id),
    ]
    return Answer(_data(member, user), facts(shown))


def _team(member: Member, names: dict[UUID, str]) -> str:
    return "none" if member.team_id is None else names[member.team_id]


def _budget(member: Member) -> str:
    return "none" if member.monthly_budget_n is None else format_usd(member.monthly_budget_n)


def _data(member: Member, user: User) -> dict[str, object]:
    return {
        "id": member.id,
        "org_id": member.org_id,
        "email": user.email,
        "role": member.role,
        "team_id": member.team_id,
        "monthly_budget_usd": None if member.monthly_budget_n is None else usd(member.monthly_budget_n),
        "allowed_models": member.allowed_models,
    }
