"""`audit`: who changed what."""

import click
import msgspec
from sqlalchemy.orm import Session

from cli.answers import Answer, table
from cli.environment import in_transaction
from cli.options import Noun
from cli.scopes import the_org
from core.models import AuditEntry
from core.queries.audit import entries, entries_of


@click.group("audit", cls=Noun)
def audit() -> None:
    """The audit log. Nobody can change or remove what it holds."""


@audit.command("list")
@click.option("--org", metavar="ORG", help="Only of this organization.")
@click.option("--before", type=int, metavar="ID", help="Only what came before this entry.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@in_transaction
def show(session: Session, /, *, org: str | None, before: int | None, limit: int) -> Answer:
    r"""Entries, newest first.

    \b
    bazaar audit list --org Acme --limit 20
    """
    if org is None:
        wanted = entries(before=before, limit=limit)
    else:
        wanted = entries_of(the_org(session, org).id, before=before, limit=limit)
    found = session.scalars(wanted).all()
    heads = ("ID", "AT (UTC)", "ACTOR", "FROM", "ACTION", "TARGET", "BEFORE", "AFTER")
    rows = [_line(entry) for entry in found]
    return Answer({"entries": [_data(e) for e in found]}, table(heads, rows) if rows else "No entries.")


def _line(entry: AuditEntry) -> tuple[object, ...]:
    return (
        entry.id,
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        entry.actor_kind if entry.actor_id is None else f"{entry.actor_kind} {entry.actor_id}",
        entry.ip,
        entry.action,
        f"{entry.target_kind} {entry.target_id}",
        *("" if said is None else msgspec.json.encode(said).decode() for said in (entry.before, entry.after)),
    )


def _data(entry: AuditEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "at": entry.at,
        "org_id": entry.org_id,
        "wallet_id": entry.wallet_id,
        "actor_kind": entry.actor_kind,
        "actor_id": entry.actor_id,
        "ip": entry.ip,
        "action": entry.action,
        "target_kind": entry.target_kind,
        "target_id": entry.target_id,
        "before": entry.before,
        "after": entry.after,
    }
