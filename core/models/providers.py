"""Providers: who serves models upstream."""

from datetime import datetime

from sqlalchemy import CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, uuid_pk


class Provider(Base):
    """An upstream with a base URL and our credential for it, encrypted at rest."""

    __tablename__ = "providers"
    __table_args__ = (CheckConstraint("kind IN ('openai', 'anthropic', 'gemini')", name="kind"),)

    id: Mapped[uuid_pk]
    name: Mapped[str] = mapped_column(unique=True)  # what X-Provider says
    title: Mapped[str]
    kind: Mapped[str]  # the dialect it speaks
    base_url: Mapped[str]
    sealed_key: Mapped[bytes | None]  # None: no credential, so its offers cannot be called
    allow_private: Mapped[bool] = mapped_column(default=False)  # may live on a private address
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
