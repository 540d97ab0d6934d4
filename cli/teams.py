"""`team`: teams of an organization."""

from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, facts, table
from cli.environment import in_transaction
from cli.options import USD, Noun, changed
from cli.scopes import in_org, the_org, the_team
from core.actions import teams as actions
from core.actions.audit import OPERATOR
from core.errors import BadRequest
from core.models import Team
from core.money import Nanos, format_usd, usd
from core.queries.teams import teams_of


@click.group("team", cls=Noun)
def teams() -> None:
    """Teams of an organization. A change holds for the very next call."""


@teams.command("add")
@click.argument("name")
@in_org
@click.option("--cost-center", "cost_center_code", default="", help="Where its costs are booked.")
@click.option(
    "--budget", "monthly_budget_n", type=USD, metavar="USD", help="The most it may spend in a month."
)
@in_transaction
def add(session: Session, /, name: str, *, org: str, **fields: Any) -> Answer:
    r"""Add a team.

    \b
    bazaar team add Research --org Acme --budget 500 --cost-center R-100
    """
    team = actions.create_team(session, the_org(session, org), name=name, by=OPERATOR, **fields)
    return Answer(_data(team), facts(_facts(team)))


@teams.command("list")
@in_org
@in_transaction
def show(session: Session, /, *, org: str) -> Answer:
    r"""The teams of an organization, by name.

    \b
    bazaar team list --org Acme
    """
    found = session.scalars(teams_of(the_org(session, org).id)).all()
    rows = [
        (t.id, t.name, t.cost_center_code, _budget(t), ", ".join(t.allowed_models) or "all") for t in found
    ]
    heads = ("ID", "NAME", "COST CENTER", "BUDGET", "ALLOWED MODELS")
    text = table(heads, rows, right=frozenset({3})) if rows else "No teams."
    return Answer({"teams": [_data(team) for team in found]}, text)


@teams.command("set")
@click.argument("team")
@in_org
@click.option("--name", help="Another name.")
@click.option("--cost-center", "cost_center_code", help="Where its costs are booked.")
@click.option("--budget", type=USD, metavar="USD", help="The most it may spend in a month.")
@click.option("--no-budget", is_flag=True, help="Take its budget away.")
@in_transaction
def update(
    session: Session, /, team: str, *, org: str, budget: Nanos | None, no_budget: bool, **fields: str | None
) -> Answer:
    r"""Change what is named of a team.

    \b
    bazaar team set Research --org Acme --budget 800
    bazaar team set Research --org Acme --no-budget
    """
    found = the_team(session, the_org(session, org), team)
    changes: Any = {name: value for name, value in fields.items() if value is not None}
    changes |= changed("monthly_budget_n", budget, cleared=no_budget, option="budget")
    if not changes:
        raise BadRequest("Name at least one field to change.")
    actions.update_team(session, found, by=OPERATOR, **changes)
    return Answer(_data(found), facts(_facts(found)))


@teams.command("delete")
@click.argument("team")
@in_org
@in_transaction
def delete(session: Session, /, team: str, *, org: str) -> Answer:
    """Take a team without members away, and its keys with it. Its usage stays."""
    found = the_team(session, the_org(session, org), team)
    actions.delete_team(session, found, now=datetime.now(UTC), by=OPERATOR)
    return Answer({"id": found.id, "deleted": True}, f"The team {found.name} is deleted.")


def _budget(team: Team) -> str:
    return "none" if team.monthly_budget_n is None else format_usd(team.monthly_budget_n)


def _facts(team: Team) -> list[tuple[str, object]]:
    return [
        ("Team", team.name),
        ("Cost center", team.cost_center_code),
        ("Monthly budget", _budget(team)),
        ("Id", team.id),
    ]


def _data(team: Team) -> dict[str, object]:
    return {
        "id": team.id,
        "org_id": team.org_id,
        "name": team.name,
        "cost_center_code": team.cost_center_code,
        "monthly_budget_usd": None if team.monthly_budget_n is None else usd(team.monthly_budget_n),
        "allowed_models": team.allowed_models,
    }
