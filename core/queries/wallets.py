"""Reading wallets and their ledgers."""

from uuid import UUID

from sqlalchemy import Select, select

from core.models import LedgerEntry, Wallet


def wallet_by_id(wallet_id: UUID) -> Select[Wallet]:
    return select(Wallet).where(Wallet.id == wallet_id)


def ledger_of(wallet_id: UUID, *, before: int | None = None, limit: int = 50) -> Select[LedgerEntry]:
    """A page of a wallet's ledger, newest first; `before` is the id the last page ended with."""
    entries = select(LedgerEntry).where(LedgerEntry.wallet_id == wallet_id)
    if before is not None:
        entries = entries.where(LedgerEntry.id < before)
    return entries.order_by(LedgerEntry.id.desc()).limit(limit)
