"""`user`: accounts."""

import secrets
import sys
from datetime import UTC, datetime

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, facts, table, yes_no
from cli.environment import in_transaction
from cli.options import Noun
from cli.people import the_user
from core.actions.audit import OPERATOR
from core.actions.users import resume_user, sign_up, suspend_user
from core.models import User
from core.money import format_usd, usd
from core.queries.users import latest_users


@click.group("user", cls=Noun)
def users() -> None:
    """Accounts of people."""


@users.command("create")
@click.argument("email")
@click.option("--password", help="At least 12 characters. Not given: asked for, or made and shown once.")
@click.option("--operator", is_flag=True, help="May run the operator console.")
@in_transaction
def create(session: Session, /, email: str, *, password: str | None, operator: bool) -> Answer:
    r"""Open an account with an empty wallet.

    \b
    bazaar user create ada@example.com --operator
    """
    if password is None and sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    made = None if password is not None else secrets.token_urlsafe(18)
    user = sign_up(session, email=email, password=password or made or "", operator=operator)
    data = {"id": user.id, "email": user.email, "operator": operator, "wallet_id": user.wallet_id}
    shown = [("Account", user.email), ("Operator", yes_no(value=operator)), ("Id", user.id)]
    if made is not None:
        data["password"] = made
        shown.append(("Password", f"{made}  (shown once)"))
    return Answer(data, facts(shown))


@users.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@in_transaction
def show(session: Session, /, *, limit: int) -> Answer:
    r"""The newest accounts, with their balances.

    \b
    bazaar user list --limit 20
    """
    found = session.scalars(latest_users(limit=limit)).all()
    heads = ("EMAIL", "OPERATOR", "VERIFIED", "BALANCE", "SINCE")
    lines = [_line(user) for user in found]
    return Answer({"users": [_data(user) for user in found]}, table(heads, lines, right=frozenset({3})))


@users.command("suspend")
@click.argument("email")
@in_transaction
def suspend(session: Session, /, email: str) -> Answer:
    """Refuse an account's sign-ins, and the calls of all keys it owns, from the very next one."""
    user = the_user(session, email)
    suspend_user(session, user, now=datetime.now(UTC), by=OPERATOR)
    return Answer({"email": user.email, "suspended": True}, f"{user.email} is suspended.")


@users.command("resume")
@click.argument("email")
@in_transaction
def resume(session: Session, /, email: str) -> Answer:
    """Let a suspended account in again."""
    user = the_user(session, email)
    resume_user(session, user, by=OPERATOR)
    return Answer({"email": user.email, "suspended": False}, f"{user.email} may use its account again.")


def _data(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        "operator": user.is_operator,
        "verified": user.verified_at is not None,
        "suspended": user.suspended_at is not None,
        "balance_usd": usd(user.wallet.balance_n),
        "created_at": user.created_at,
    }


def _line(user: User) -> tuple[str, ...]:
    return (
        user.email,
        yes_no(value=user.is_operator),
        yes_no(value=user.verified_at is not None),
        format_usd(user.wallet.balance_n),
        f"{user.created_at:%Y-%m-%d}",
    )
