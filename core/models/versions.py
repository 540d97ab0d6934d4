"""Version bumps on their way to Redis."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, count


class VersionBump(Base):
    """A change that running proxies must learn of. Removed once Redis has it; until then it is sent again."""

    __tablename__ = "version_bumps"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    wallet_id: Mapped[UUID]
    key_id: Mapped[UUID | None]  # None: of everything that draws on the wallet
    ver: Mapped[count]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
