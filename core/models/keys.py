"""API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, nanos, uuid_pk

# Which of org, team and member a key of a scope names.
SCOPES = """
CASE scope
    WHEN 'personal' THEN num_nonnulls(org_id, team_id, member_id) = 0
    WHEN 'org' THEN org_id IS NOT NULL AND num_nonnulls(team_id, member_id) = 0
    WHEN 'team' THEN num_nonnulls(org_id, team_id) = 2 AND member_id IS NULL
    WHEN 'member' THEN num_nonnulls(org_id, member_id) = 2 AND team_id IS NULL
    ELSE false
END"""


class ApiKey(Base):
    """A secret a program calls us with. We keep only its digest, and enough of it to tell it from others.

    `scope` says whose money and budgets its calls count against: the account's own, or its organization's,
    there alone, or with a team's, or with a member's and the team that member is in. `user_id` owns it.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("key_type IN ('standard', 'management')", name="key_type"),
        CheckConstraint("spend_limit_period IN ('day', 'week', 'month')", name="spend_limit_period"),
        CheckConstraint("spend_limit_n >= 0", name="spend_limit"),
        CheckConstraint(SCOPES, name="scope"),
        # of one organization, and drawing on its wallet, whatever a caller makes up
        ForeignKeyConstraint(
            ["org_id", "wallet_id"], ["orgs.id", "orgs.wallet_id"], name="fk_api_keys_org_id"
        ),
        ForeignKeyConstraint(["org_id", "team_id"], ["teams.org_id", "teams.id"], name="fk_api_keys_team_id"),
        ForeignKeyConstraint(
            ["org_id", "member_id"], ["members.org_id", "members.id"], name="fk_api_keys_member_id"
        ),
        Index("ix_api_keys_wallet_id_id", "wallet_id", "id"),
    )

    id: Mapped[uuid_pk]
    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("wallets.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    scope: Mapped[str] = mapped_column(default="personal", server_default="personal")
    org_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None] = mapped_column(index=True)
    member_id: Mapped[UUID | None] = mapped_column(index=True)
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
