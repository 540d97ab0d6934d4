"""Members: accounts in organizations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, nanos, uuid_pk
from core.models.breakers import BreakerColumns


class Member(BreakerColumns, Base):
    """An account's place in an organization.

    The keys of a removed member do not work; who comes back has this row again.
    """

    __tablename__ = "members"
    __table_args__ = (
        UniqueConstraint("org_id", "user_id"),
        UniqueConstraint("org_id", "id"),  # keys refer to both at once
        ForeignKeyConstraint(["org_id", "team_id"], ["teams.org_id", "teams.id"], name="fk_members_team_id"),
        Index("ix_members_org_id_team_id", "org_id", "team_id"),
        CheckConstraint("role IN ('org_admin', 'billing_viewer', 'team_admin', 'member')", name="role"),
        CheckConstraint("role <> 'team_admin' OR team_id IS NOT NULL", name="team_admin"),
        CheckConstraint("monthly_budget_n >= 0", name="monthly_budget"),
    )

    id: Mapped[uuid_pk]
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    team_id: Mapped[UUID | None]
    role: Mapped[str]
    monthly_budget_n: Mapped[nanos | None]
    allowed_models: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # none: no restriction
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    removed_at: Mapped[datetime | None]
