"""Pools and leases: the money of a wallet that Redis may admit calls with."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, count, nanos


class Pool(Base):
    """All leases of a wallet in one generation of Redis. Its amounts only grow.

    What is granted and neither posted nor returned is outstanding: calls may be spending it. A pool of an
    earlier generation is old, and stays outstanding, until nothing can be posted to it any more: `closed`.
    """

    __tablename__ = "pools"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'closed')", name="state"),
        CheckConstraint("granted_n >= 0 AND posted_n >= 0 AND returned_n >= 0", name="amounts"),
        Index("ix_pools_state_gen", "state", "gen"),
    )

    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("wallets.id"), primary_key=True)
    gen: Mapped[count] = mapped_column(primary_key=True)
    granted_n: Mapped[nanos] = mapped_column(default=0)
    posted_n: Mapped[nanos] = mapped_column(default=0)
    returned_n: Mapped[nanos] = mapped_column(default=0)
    seq: Mapped[count] = mapped_column(default=0)  # of its last lease
    state: Mapped[str] = mapped_column(default="active")
    valid_until: Mapped[datetime]  # Redis stops admitting before this, whoever can still reach it
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Lease(Base):
    """One amount granted to a pool. Redis takes each up once, in the order of `seq`."""

    __tablename__ = "leases"
    __table_args__ = (CheckConstraint("amount_n > 0", name="amount"),)

    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("wallets.id"), primary_key=True)
    gen: Mapped[count] = mapped_column(primary_key=True)
    seq: Mapped[count] = mapped_column(primary_key=True)
    amount_n: Mapped[nanos]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
