"""The audit log: who changed what, and what the gateway did by itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base


class AuditEntry(Base):
    """One thing that was done. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE. Never a secret.

    It refers to no other table: checking that would lock a wallet's row, and a change that waits for a call
    while that call waits for the change is a deadlock.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_org_id_id", "org_id", "id"),
        Index("ix_audit_log_wallet_id_id", "wallet_id", "id"),
        CheckConstraint("actor_kind IN ('user', 'key', 'operator', 'system')", name="actor_kind"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    org_id: Mapped[UUID | None]
    wallet_id: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]  # an account or a key; an operator at the command line has none
    ip: Mapped[str] = mapped_column(default="")
    action: Mapped[str]  # key.updated, breaker.tripped, ...
    target_kind: Mapped[str]
    target_id: Mapped[str]
    before: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))  # only what changed
    after: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))
    dedup: Mapped[str | None] = mapped_column(unique=True)  # what is to be said once is said once
