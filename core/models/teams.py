"""Teams of an organization."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, nanos, uuid_pk
from core.models.breakers import BreakerColumns


class Team(BreakerColumns, Base):
    """Members with a budget in common. Its name is its own in the organization, whatever the case."""

    __tablename__ = "teams"
    __table_args__ = (
        UniqueConstraint("org_id", "id"),  # members and keys refer to both at once
        Index(
            "ix_teams_name",
            "org_id",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        CheckConstraint("monthly_budget_n >= 0", name="monthly_budget"),
    )

    id: Mapped[uuid_pk]
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    name: Mapped[str]
    cost_center_code: Mapped[str] = mapped_column(default="")
    monthly_budget_n: Mapped[nanos | None]
    allowed_models: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # none: no restriction
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]  # kept for its usage
