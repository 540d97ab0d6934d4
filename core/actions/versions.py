"""Versions: what a running process remembers of a key or a wallet holds while its version stays the same.

Every change of what decides about calls comes through here, so that the next call is decided by what is.
Counted by the database: of two changes at once, each sends running processes to read again.
"""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from core.models import ApiKey, Wallet


def bump_wallet(session: Session, wallet_id: UUID) -> None:
    """Have everything that draws on the wallet read again."""
    session.execute(update(Wallet).where(Wallet.id == wallet_id).values(ver=Wallet.ver + 1))


def bump_key(session: Session, key: ApiKey) -> None:
    """Have this key read again."""
    key.ver = ApiKey.ver + 1
    session.add(key)
