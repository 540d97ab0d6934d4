"""`ledger`: every change of a balance."""

from itertools import accumulate

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, table
from cli.environment import in_transaction
from cli.options import Noun
from cli.scopes import the_payer
from core.models import LedgerEntry
from core.money import format_usd, usd
from core.queries.wallets import ledger_of, wallet_by_id


@click.group("ledger", cls=Noun)
def ledger() -> None:
    """Every change of a balance."""


@ledger.command("show")
@click.argument("who", metavar="EMAIL|ORG")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@in_transaction
def show(session: Session, /, who: str, *, limit: int) -> Answer:
    r"""The ledger of an account or an organization, newest first, each row with the balance it led to.

    \b
    bazaar ledger show ada@example.com --limit 10
    """
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})  # balance and rows agree
    payer = the_payer(session, who)
    wallet = session.scalars(wallet_by_id(payer.wallet_id)).one()
    entries = session.scalars(ledger_of(wallet.id, limit=limit)).all()
    after = accumulate((-entry.amount_n for entry in entries), initial=wallet.balance_n)
    lines = list(zip(entries, after, strict=False))  # the last sum is the balance before them all
    data = {
        **payer.data,
        "balance_usd": usd(wallet.balance_n),
        "entries": [_data(entry, balance_n) for entry, balance_n in lines],
    }
    rows = [_line(entry, balance_n) for entry, balance_n in lines]
    heads = ("AT (UTC)", "KIND", "AMOUNT", "BALANCE", "NOTE")
    text = table(heads, rows, right=frozenset({2, 3})) if rows else "No entries: the wallet was never used."
    return Answer(data, text)


def _data(entry: LedgerEntry, balance_n: int) -> dict[str, object]:
    return {
        "id": entry.id,
        "at": entry.at,
        "kind": entry.kind,
        "ref": entry.ref,
        "amount_usd": usd(entry.amount_n),
        "balance_usd": usd(balance_n),
        "note": entry.note,
    }


def _line(entry: LedgerEntry, balance_n: int) -> tuple[str, ...]:
    """Amounts with all nine places, so that they line up."""
    return (
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        entry.kind,
        format_usd(entry.amount_n, places=9),
        format_usd(balance_n, places=9),
        entry.note,
    )
