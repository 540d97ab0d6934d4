"""Holds: money reserved for calls that are running."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, count, nanos


class Hold(Base):
    """What one running call has reserved, and all that is needed to settle it should its proxy die.

    `metered_n` is what it is known to have produced so far; past `deadline_at` without a word the ledger
    process settles it at that.
    """

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("amount_n >= 0", name="amount"),
        CheckConstraint("metered_n >= 0", name="metered"),
    )

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("wallets.id"), index=True)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id"), index=True)
    team_id: Mapped[UUID | None] = mapped_column(index=True)
    member_id: Mapped[UUID | None] = mapped_column(index=True)
    amount_n: Mapped[nanos]
    metered_n: Mapped[nanos] = mapped_column(default=0)
    metered_upstream_n: Mapped[nanos] = mapped_column(default=0)
    metered_tokens: Mapped[count] = mapped_column(default=0)  # output so far
    event: Mapped[dict[str, object]] = mapped_column(JSONB)  # the usage row as far as known; never content
    boot_id: Mapped[UUID]  # which proxy process runs it
    admitted_at: Mapped[datetime]
    deadline_at: Mapped[datetime] = mapped_column(index=True)
