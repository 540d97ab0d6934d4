"""API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, nanos, uuid_pk


class ApiKey(Base):
    """A secret a program calls us with. We keep only its digest, and enough of it to tell it from others."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("key_type IN ('standard', 'management')", name="key_type"),
        CheckConstraint("spend_limit_period IN ('day', 'week', 'month')", name="spend_limit_period"),
        CheckConstraint("spend_limit_n >= 0", name="spend_limit"),
        Index("ix_api_keys_wallet_id_id", "wallet_id", "id"),
    )

    id: Mapped[uuid_pk]
    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("wallets.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str]
    key_type: Mapped[str]
    prefix: Mapped[str]  # its first 10 characters
    suffix: Mapped[str]  # its last 4
    digest: Mapped[bytes] = mapped_column(unique=True)
    previous_digest: Mapped[bytes | None] = mapped_column(
        unique=True
    )  # of the secret before the last rotation
    previous_until: Mapped[datetime | None]  # until when that one still works
    enabled: Mapped[bool] = mapped_column(default=True)
    spend_limit_n: Mapped[nanos | None]
    spend_limit_period: Mapped[str] = mapped_column(default="month")
    expires_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]  # kept for its usage; no longer listed, no longer works
    ver: Mapped[int] = mapped_column(BigInteger, default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
