"""`key`: API keys."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, facts, table
from cli.environment import current_settings, in_transaction
from cli.options import ISO, USD, Noun
from cli.people import the_user
from cli.scopes import the_holder, the_payer
from core.actions.keys import PERIODS, TYPES, create_key, delete_key, set_enabled
from core.errors import BadRequest, NotFound
from core.models import ApiKey
from core.money import format_usd, usd
from core.queries.keys import key_by_id, keys_of


@click.group("key", cls=Noun)
def keys() -> None:
    """API keys. A change holds for the very next call."""


@keys.command("create")
@click.argument("email")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--type", "key_type", type=click.Choice(TYPES), default="standard", show_default=True)
@click.option("--limit", "spend_limit_n", type=USD, metavar="USD", help="The most it may spend in a period.")
@click.option(
    "--period", "spend_limit_period", type=click.Choice(PERIODS), default="month", show_default=True
)
@click.option(
    "--expires", "expires_at", type=ISO, metavar="ISO", help="When it stops working; UTC if no zone is named."
)
@click.option("--org", metavar="ORG", help="Make it the organization's; it draws on its wallet.")
@click.option("--team", metavar="TEAM", help="With --org: make it this team's.")
@click.option("--member", is_flag=True, help="With --org: make it the member's own there.")
@in_transaction
def create(
    session: Session, /, email: str, *, org: str | None, team: str | None, member: bool, **fields: Any
) -> Answer:
    r"""Make a key owned by an account. Its secret is shown once.

    \b
    bazaar key create ada@example.com --name laptop --limit 20 --period month
    bazaar key create ada@example.com --name ci --type management --expires 2027-01-31
    bazaar key create ada@example.com --name website --org Acme
    bazaar key create ada@example.com --name notebooks --org Acme --team Research
    bazaar key create ada@example.com --name laptop --org Acme --member
    """
    if org is None and (team is not None or member):
        raise BadRequest("Name the organization with --org.", param="org")
    place = {"team": team, "member": email if member else None}
    of = None if org is None else the_holder(session, org=org, **place)
    key, secret = create_key(
        session,
        the_user(session, email),
        of=of,
        pepper=current_settings().key_pepper,
        now=datetime.now(UTC),
        **fields,
    )
    session.flush()
    session.refresh(key)
    shown = [
        ("Key", f"{secret}  (shown once)"),
        ("Name", key.name),
        ("Type", key.key_type),
        ("Scope", key.scope),
        ("Id", key.id),
    ]
    return Answer({**_data(key), "key": secret}, facts(shown))


@keys.command("list")
@click.argument("who", metavar="EMAIL|ORG")
@in_transaction
def show(session: Session, /, who: str) -> Answer:
    r"""The keys of an account or an organization that are in use, newest first.

    \b
    bazaar key list ada@example.com
    bazaar key list Acme
    """
    found = session.scalars(keys_of(the_payer(session, who).wallet_id)).all()
    rows = [
        (
            key.id,
            key.name,
            f"{key.prefix}...{key.suffix}",
            key.key_type,
            key.scope,
            "on" if key.enabled else "off",
            "none"
            if key.spend_limit_n is None
            else f"{format_usd(key.spend_limit_n)} a {key.spend_limit_period}",
            "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}",
        )
        for key in found
    ]
    heads = ("ID", "NAME", "KEY", "TYPE", "SCOPE", "STATE", "LIMIT", "EXPIRES (UTC)")
    return Answer({"keys": [_data(key) for key in found]}, table(heads, rows) if rows else "No keys.")


@keys.command("disable")
@click.argument("key_id", metavar="ID", type=click.UUID)
@in_transaction
def disable(session: Session, /, key_id: UUID) -> Answer:
    """Switch a key off until it is enabled again."""
    return _switch(session, key_id, enabled=False)


@keys.command("enable")
@click.argument("key_id", metavar="ID", type=click.UUID)
@in_transaction
def enable(session: Session, /, key_id: UUID) -> Answer:
    """Switch a disabled key on again."""
    return _switch(session, key_id, enabled=True)


@keys.command("delete")
@click.argument("key_id", metavar="ID", type=click.UUID)
@in_transaction
def delete(session: Session, /, key_id: UUID) -> Answer:
    """Take a key out of use for good. Its usage stays."""
    key = _the_key(session, key_id)
    delete_key(session, key, now=datetime.now(UTC))
    return Answer({"id": key.id, "deleted": True}, f"The key {key.name} is deleted.")


def _switch(session: Session, key_id: UUID, *, enabled: bool) -> Answer:
    key = _the_key(session, key_id)
    set_enabled(session, key, enabled=enabled)
    return Answer(_data(key), f"The key {key.name} is {'enabled' if enabled else 'disabled'}.")


def _the_key(session: Session, key_id: UUID) -> ApiKey:
    key = session.scalar(key_by_id(key_id).with_for_update())
    if key is None:
        raise NotFound(f"There is no key in use with the id {key_id}. See bazaar key list.")
    return key


def _data(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "key_type": key.key_type,
        "scope": key.scope,
        "org_id": key.org_id,
        "team_id": key.team_id,
        "member_id": key.member_id,
        "prefix": key.prefix,
        "suffix": key.suffix,
        "enabled": key.enabled,
        "spend_limit_usd": None if key.spend_limit_n is None else usd(key.spend_limit_n),
        "spend_limit_period": key.spend_limit_period,
        "expires_at": key.expires_at,
        "created_at": key.created_at,
    }
