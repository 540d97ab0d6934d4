"""Reading the audit log."""

from uuid import UUID

from sqlalchemy import Select, select

from core.models import AuditEntry


def entries(*, before: int | None = None, limit: int = 50) -> Select[AuditEntry]:
    """A page of everybody's entries, newest first: for operators only.

    `before` is the id the last page ended with.
    """
    found = select(AuditEntry)
    if before is not None:
        found = found.where(AuditEntry.id < before)
    return found.order_by(AuditEntry.id.desc()).limit(limit)


def entries_of(org_id: UUID, *, before: int | None = None, limit: int = 50) -> Select[AuditEntry]:
    """A page of an organization's entries, newest first."""
    return entries(before=before, limit=limit).where(AuditEntry.org_id == org_id)
