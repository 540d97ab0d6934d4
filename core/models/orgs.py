"""Organizations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, uuid_pk
from core.models.breakers import BreakerColumns


class Org(BreakerColumns, Base):
    """People who spend from one wallet. It is suspended when its wallet is."""

    __tablename__ = "orgs"
    __table_args__ = (UniqueConstraint("id", "wallet_id"),)  # keys refer to both at once

    id: Mapped[uuid_pk]
    name: Mapped[str]
    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("wallets.id"), unique=True)
    allowed_models: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # none: no restriction
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
