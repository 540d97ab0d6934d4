"""Usage: one row per call, and daily sums of them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, count, nanos

NOBODY = UUID(int=0)  # no team, no member: daily sums are told apart by them
NIL = text(f"'{NOBODY}'")


class UsageEvent(Base):
    """One call that ended: what it used, what it cost, how it went. Never its content.

    Partitioned by month of `day`, which is computed from the request id, so that "unique per partition" is
    "unique". `rank` 2 (final) replaces rank 1 (orphan: its proxy died), which replaces rank 0 (refused);
    nothing replaces rank 2.
    """

    __tablename__ = "usage_events"
    __table_args__ = (
        Index("ix_usage_events_wallet_id_ended_at", "wallet_id", "ended_at"),
        Index("ix_usage_events_ended_at", "ended_at", postgresql_using="brin"),
        CheckConstraint("charge_n >= 0", name="charge"),
        {"postgresql_partition_by": "RANGE (day)"},
    )

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(SmallInteger)
    wallet_id: Mapped[UUID]
    user_id: Mapped[UUID]
    key_id: Mapped[UUID]
    team_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    gen: Mapped[count] = mapped_column(default=0, server_default=text("0"))  # whose pool paid; 0: none did
    model_id: Mapped[str]
    provider: Mapped[str]  # "" when none was asked
    price_card_id: Mapped[UUID | None]
    input_tokens: Mapped[count] = mapped_column(default=0)
    cached_tokens: Mapped[count] = mapped_column(default=0)
    cache_write_tokens: Mapped[count] = mapped_column(default=0)
    output_tokens: Mapped[count] = mapped_column(default=0)
    reasoning_tokens: Mapped[count] = mapped_column(default=0)
    upstream_n: Mapped[nanos] = mapped_column(default=0)
    charge_n: Mapped[nanos] = mapped_column(default=0)
    status: Mapped[int] = mapped_column(SmallInteger)  # the HTTP status the client got, or would have got
    reason: Mapped[str]  # how it ended: done, client_gone, upstream_cut, orphaned, insufficient_credits, ...
    finish_reason: Mapped[str | None]
    estimated: Mapped[bool] = mapped_column(default=False)  # the provider did not say; we counted
    disputed: Mapped[bool] = mapped_column(default=False)  # the provider said more than can be
    stream: Mapped[bool] = mapped_column(default=False)
    duration_ms: Mapped[count] = mapped_column(default=0)
    first_byte_ms: Mapped[int | None] = mapped_column(BigInteger)
    app_name: Mapped[str] = mapped_column(default="")
    app_url: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime]


class UsageDaily(Base):
    """Sums of a wallet's charged calls per day, key, team, member, model and app: for pages and reports.

    Kept in the same transaction as the row it sums, so that they never differ.
    """

    __tablename__ = "usage_daily"
    __table_args__ = (Index("ix_usage_daily_key_id_day", "key_id", "day"),)

    wallet_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    team_id: Mapped[UUID] = mapped_column(primary_key=True, default=NOBODY, server_default=NIL)
    member_id: Mapped[UUID] = mapped_column(primary_key=True, default=NOBODY, server_default=NIL)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    app_name: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[count]
    input_tokens: Mapped[count]
    cached_tokens: Mapped[count]
    output_tokens: Mapped[count]
    reasoning_tokens: Mapped[count]
    upstream_n: Mapped[nanos]
    charge_n: Mapped[nanos]
    last_at: Mapped[datetime]
