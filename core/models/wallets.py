"""Wallets and their ledger."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, nanos, small, uuid_pk


class Wallet(Base):
    """Whose money a call draws on. `balance_n` is the sum of its ledger, always."""

    __tablename__ = "wallets"
    __table_args__ = (
        CheckConstraint("held_n >= 0", name="held"),
        CheckConstraint("leased_n >= 0", name="leased"),
        CheckConstraint("credit_limit_n >= 0", name="credit_limit"),
    )

    id: Mapped[uuid_pk]
    bucket: Mapped[small]  # hash slot of its counters and event stream; moves alone when a wallet is hot
    balance_n: Mapped[nanos] = mapped_column(default=0)
    credit_limit_n: Mapped[nanos] = mapped_column(default=0)
    leased_n: Mapped[nanos] = mapped_column(default=0)
    held_n: Mapped[nanos] = mapped_column(default=0)
    ver: Mapped[int] = mapped_column(BigInteger, default=1)  # grows with all that decides about its calls
    suspended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LedgerEntry(Base):
    """One change of a balance. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE."""

    __tablename__ = "ledger"
    __table_args__ = (
        UniqueConstraint("wallet_id", "kind", "ref"),
        Index("ix_ledger_wallet_id_id", "wallet_id", "id"),
        CheckConstraint("kind IN ('grant', 'usage', 'adjustment')", name="kind"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("wallets.id"))
    kind: Mapped[str]  # grant: given by an operator; usage: a settled call; adjustment: a later, truer charge
    ref: Mapped[str]  # what caused it; the same cause is booked once
    amount_n: Mapped[nanos]
    note: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(server_default=func.now())
