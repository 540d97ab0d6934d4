"""Generations of Redis, and the proxies that work with them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, count


class Generation(Base):
    """One continuous life of all Redis primaries. What they hold is trusted within it, never across it."""

    __tablename__ = "generations"

    gen: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    fingerprint: Mapped[str]  # the run ids of the primaries
    since_ms: Mapped[count]  # when it began, by the clocks of Redis (Unix)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProxyBoot(Base):
    """One life of a proxy process. Old pools wait until every boot has settled what it ran before."""

    __tablename__ = "proxy_boots"

    boot_id: Mapped[UUID] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    settled_gen: Mapped[count] = mapped_column(default=0)  # nothing of an earlier generation is left in it
    fingerprint: Mapped[str | None]  # of the servers it is connected to; None: one is missing
    ended_at: Mapped[datetime | None]  # it drained, or its spool was replayed by another
