"""Settlements that cannot be booked, kept for a person to look at."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, nanos, small


class QuarantinedEvent(Base):
    """An event of a settlement stream that no row can be made of. Its amount is in suspense, not lost."""

    __tablename__ = "quarantined_events"
    __table_args__ = (UniqueConstraint("bucket", "event_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    bucket: Mapped[small]
    event_id: Mapped[str]
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    amount_n: Mapped[nanos]
    error: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
