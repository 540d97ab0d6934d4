"""People with an account, and where they are signed in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.models.base import Base, uuid_pk
from core.models.wallets import Wallet


class User(Base):
    """An account. `email` is kept in lower case; the password only as an argon2id hash."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    id: Mapped[uuid_pk]
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    is_operator: Mapped[bool] = mapped_column(default=False)
    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("wallets.id"), unique=True)
    verified_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    wallet: Mapped[Wallet] = relationship(lazy="raise")


class UserSession(Base):
    """One browser's sign-in. We keep the digest of its token: a read of this table signs nobody in."""

    __tablename__ = "user_sessions"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    user_agent: Mapped[str] = mapped_column(default="")
    ip: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)
