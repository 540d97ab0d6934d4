"""`org`: organizations."""

from datetime import UTC, datetime

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, facts, table
from cli.environment import in_transaction
from cli.options import Noun
from cli.people import the_user
from cli.scopes import the_org
from core.actions import orgs as actions
from core.actions.audit import OPERATOR
from core.models import Org, Wallet
from core.money import format_usd, usd
from core.queries.members import members_of
from core.queries.orgs import latest_orgs
from core.queries.teams import teams_of


@click.group("org", cls=Noun)
def orgs() -> None:
    """Organizations. ORG is an id, or a name if it is the only one. A change holds for the very next call."""


@orgs.command("add")
@click.argument("name")
@click.option("--admin", required=True, metavar="EMAIL", help="The account that runs it.")
@in_transaction
def add(session: Session, /, name: str, *, admin: str) -> Answer:
    r"""Open an organization with an empty wallet.

    \b
    bazaar org add Acme --admin ada@example.com
    """
    user = the_user(session, admin)
    org = actions.create_org(session, user, name=name, by=OPERATOR)
    session.flush()
    session.refresh(org)
    wallet = session.get_one(Wallet, org.wallet_id)
    return Answer(
        _data(org, wallet), facts([("Organization", org.name), ("Admin", user.email), ("Id", org.id)])
    )


@orgs.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@in_transaction
def index(session: Session, /, *, limit: int) -> Answer:
    r"""The newest organizations, with their balances.

    \b
    bazaar org list --limit 20
    """
    found = session.execute(latest_orgs(limit=limit)).all()
    rows = [
        (org.id, org.name, _state(wallet), format_usd(wallet.balance_n), f"{org.created_at:%Y-%m-%d}")
        for org, wallet in found
    ]
    heads = ("ID", "NAME", "STATE", "BALANCE", "SINCE")
    text = table(heads, rows, right=frozenset({3})) if rows else "No organizations."
    return Answer({"orgs": [_data(org, wallet) for org, wallet in found]}, text)


@orgs.command("show")
@click.argument("org")
@in_transaction
def show(session: Session, /, org: str) -> Answer:
    r"""One organization.

    \b
    bazaar org show Acme
    """
    found = the_org(session, org)
    wallet = session.get_one(Wallet, found.wallet_id)
    counts = {
        "teams": len(session.scalars(teams_of(found.id)).all()),
        "members": len(session.execute(members_of(found.id)).all()),
    }
    shown = [
        ("Organization", found.name),
        ("Id", found.id),
        ("State", _state(wallet)),
        ("Balance", format_usd(wallet.balance_n)),
        ("Teams", counts["teams"]),
        ("Members", counts["members"]),
        ("Allowed models", ", ".join(found.allowed_models) or "all"),
    ]
    return Answer({**_data(found, wallet), **counts}, facts(shown))


@orgs.command("rename")
@click.argument("org")
@click.argument("name")
@in_transaction
def rename(session: Session, /, org: str, name: str) -> Answer:
    """Give an organization another name."""
    found = the_org(session, org)
    actions.rename_org(session, found, name, by=OPERATOR)
    wallet = session.get_one(Wallet, found.wallet_id)
    return Answer(_data(found, wallet), f"The organization is now named {found.name}.")


@orgs.command("suspend")
@click.argument("org")
@in_transaction
def suspend(session: Session, /, org: str) -> Answer:
    """Refuse all calls of an organization until it is resumed."""
    found = the_org(session, org)
    actions.suspend_org(session, found, now=datetime.now(UTC), by=OPERATOR)
    wallet = session.get_one(Wallet, found.wallet_id)
    return Answer(_data(found, wallet), f"{found.name} is suspended.")


@orgs.command("resume")
@click.argument("org")
@in_transaction
def resume(session: Session, /, org: str) -> Answer:
    """Let a suspended organization call again."""
    found = the_org(session, org)
    actions.resume_org(session, found, by=OPERATOR)
    wallet = session.get_one(Wallet, found.wallet_id)
    return Answer(_data(found, wallet), f"{found.name} may call again.")


def _state(wallet: Wallet) -> str:
    return "on" if wallet.suspended_at is None else "suspended"


def _data(org: Org, wallet: Wallet) -> dict[str, object]:
    return {
        "id": org.id,
        "name": org.name,
        "wallet_id": org.wallet_id,
        "balance_usd": usd(wallet.balance_n),
        "suspended": wallet.suspended_at is not None,
        "allowed_models": org.allowed_models,
        "created_at": org.created_at,
    }
