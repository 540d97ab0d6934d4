"""`credits`: giving a wallet money, and taking it back."""

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, facts
from cli.environment import in_transaction
from cli.options import USD, Noun
from cli.scopes import the_payer
from core.actions.wallets import grant_credits
from core.ids import uuid7
from core.models import Wallet
from core.money import Nanos, format_usd, usd


@click.group("credits", cls=Noun)
def credits_() -> None:
    """Credits of an account or an organization."""


# A negative amount begins with a dash and is no option.
@credits_.command("grant", context_settings={"ignore_unknown_options": True})
@click.argument("who", metavar="EMAIL|ORG")
@click.argument("amount", metavar="USD", type=USD)
@click.option("--note", required=True, help="Why; kept with the ledger row.")
@in_transaction
def grant(session: Session, /, who: str, amount: Nanos, *, note: str) -> Answer:
    r"""Give an account or an organization credits; a negative amount takes back what is free.

    Amounts are exact decimals with up to nine places. Each run is one new ledger row.

    \b
    bazaar credits grant ada@example.com 25 --note "pilot"
    bazaar credits grant ada@example.com -5.50 --note "given twice"
    bazaar credits grant Acme 500 --note "prepaid"
    """
    payer = the_payer(session, who)
    entry = grant_credits(session, payer.wallet_id, amount, note=note, ref=f"operator-{uuid7()}")
    session.flush()
    # the action locked the wallet, so this is the balance with this grant and nothing else
    balance_n = session.get_one(Wallet, payer.wallet_id, populate_existing=True).balance_n
    data = {
        **payer.data,
        "ref": entry.ref,
        "amount_usd": usd(amount),
        "old_balance_usd": usd(balance_n - amount),
        "balance_usd": usd(balance_n),
    }
    shown = [
        ("Old balance", format_usd(balance_n - amount)),
        ("Granted", format_usd(amount)),
        ("New balance", format_usd(balance_n)),
    ]
    return Answer(data, facts(shown))
