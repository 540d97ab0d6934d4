"""Changes of wallets outside calls: opening one, giving credits."""

import zlib
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.actions.audit import OPERATOR, Actor, Subject, record
from core.actions.versions import bump_wallet
from core.errors import BadRequest, Conflict, NotFound
from core.ids import uuid7
from core.models import LedgerEntry, Wallet
from core.money import MAX_USD, NANOS_PER_USD, Nanos
from core.queries.orgs import org_of_wallet

BUCKETS = 256
MAX_NOTE = 500


def open_wallet(session: Session) -> Wallet:
    wallet_id = uuid7()
    wallet = Wallet(id=wallet_id, bucket=zlib.crc32(wallet_id.bytes) % BUCKETS)
    session.add(wallet)
    return wallet


def grant_credits(
    session: Session, wallet_id: UUID, amount_n: Nanos, *, note: str, ref: str, by: Actor = OPERATOR
) -> LedgerEntry:
    """Give a wallet credits, or take some back with a negative amount. The same `ref` is booked once: again,
    it answers with the entry there is.

    Raises BadRequest for zero, for an amount beyond the limits, and for taking back more than is free;
    Conflict for a `ref` that was booked with another amount.
    """
    if amount_n == 0 or abs(amount_n) > MAX_USD * NANOS_PER_USD:
        raise BadRequest("The amount must not be zero and at most 9,000,000 dollars.", param="amount")
    if len(note) > MAX_NOTE:
        raise BadRequest(f"The note must be at most {MAX_NOTE} characters.", param="note")
    wallet = session.get(Wallet, wallet_id, with_for_update=True, populate_existing=True)
    if wallet is None:
        raise NotFound("There is no such wallet.")
    booked = select(LedgerEntry).where(
        LedgerEntry.wallet_id == wallet_id, LedgerEntry.kind == "grant", LedgerEntry.ref == ref
    )
    if (earlier := session.scalar(booked)) is not None:
        if earlier.amount_n != amount_n:
            raise Conflict("This reference is booked already, with another amount. Use a new one.")
        return earlier
    free_n = wallet.balance_n + wallet.credit_limit_n - wallet.leased_n - wallet.held_n
    if free_n + amount_n < min(0, free_n) or wallet.balance_n + amount_n > MAX_USD * NANOS_PER_USD:
        raise BadRequest("The wallet does not hold that much free, or would hold too much.", param="amount")
    return _book(session, wallet, amount_n, note=note, ref=ref, by=by)


def _book(
    session: Session, wallet: Wallet, amount_n: Nanos, *, note: str, ref: str, by: Actor
) -> LedgerEntry:
    """Change a locked wallet's balance, with the ledger row that says so."""
    before_n = wallet.balance_n
    session.execute(
        update(Wallet).where(Wallet.id == wallet.id).values(balance_n=Wallet.balance_n + amount_n)
    )
    bump_wallet(session, wallet.id)
    record(
        session,
        "credits.granted",
        Subject("wallet", wallet.id, session.scalar(org_of_wallet(wallet.id)), wallet.id),
        by=by,
        before={"balance_n": before_n},
        after={"balance_n": before_n + amount_n, "ref": ref, "note": note},
    )
    entry = LedgerEntry(wallet_id=wallet.id, kind="grant", ref=ref, amount_n=amount_n, note=note)
    session.add(entry)
    return entry
