"""What tests of actions stand on: the audit log, and the version of a wallet."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.models import AuditEntry, Wallet


@dataclass
class Traces:
    """What a change left behind since this was made."""

    db: Session
    wallet_id: UUID
    last_id: int
    ver: int

    def bumps(self) -> int:
        self.db.commit()
        ver = self.db.scalars(select(Wallet.ver).where(Wallet.id == self.wallet_id)).one()
        return ver - self.ver

    def entries(self) -> list[AuditEntry]:
        found = select(AuditEntry).where(AuditEntry.id > self.last_id).order_by(AuditEntry.id)
        return list(self.db.scalars(found))


@pytest.fixture
def traces(db: Session) -> Callable[[UUID], Traces]:
    def begin(wallet_id: UUID) -> Traces:
        last_id = db.scalar(text("SELECT coalesce(max(id), 0) FROM audit_log"))
        ver = db.scalars(select(Wallet.ver).where(Wallet.id == wallet_id)).one()
        return Traces(db, wallet_id, last_id, ver)

    return begin
