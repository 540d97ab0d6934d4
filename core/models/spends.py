"""What limits are counted from: the use of each key, member, team, plan and session, by the hour."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, count, nanos


class Spend(Base):
    """Sums of what was booked for one subject in one hour (UTC, by request id) and one generation of Redis.

    By generation, because Redis counts its own; it needs to know what came before. Hours fit every period a
    limit may have. Written in the transaction that books the calls.
    """

    __tablename__ = "spends"
    __table_args__ = (CheckConstraint("scope IN ('k', 'm', 't', 'p', 'e')", name="scope"),)

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)  # key, member, team, plan, education session
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    gen: Mapped[count] = mapped_column(primary_key=True)
    charge_n: Mapped[nanos]
    tokens: Mapped[count]
    points: Mapped[count]
    requests: Mapped[count]
