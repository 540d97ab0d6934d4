"""Writing the audit log: who did what to whom, and what was before. Never a secret.

An entry is part of the change it tells of: both commit, or neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.models import AuditEntry, Base

MAX_IP = 64


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. `user_id` is the account whose rights they have; an operator needs none."""

    kind: Literal["user", "key", "operator", "system"]
    id: UUID | None = None
    user_id: UUID | None = None
    ip: str = ""


OPERATOR = Actor("operator")
SYSTEM = Actor("system")


def person(user_id: UUID, *, ip: str = "") -> Actor:
    """Somebody who is signed in."""
    return Actor("user", user_id, user_id, ip)


def program(key_id: UUID, user_id: UUID, *, ip: str = "") -> Actor:
    """A management key, which has the rights of its owner."""
    return Actor("key", key_id, user_id, ip)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about, and in whose log it stands."""

    kind: str
    id: UUID | str
    org_id: UUID | None = None
    wallet_id: UUID | None = None


def record(
    session: Session | Connection,
    action: str,
    subject: Subject,
    *,
    by: Actor,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    dedup: str | None = None,
) -> bool:
    """Write an entry down. With a `dedup` that was written before it does nothing and says False."""
    statement = insert(AuditEntry).values(
        org_id=subject.org_id,
        wallet_id=subject.wallet_id,
        actor_kind=by.kind,
        actor_id=by.id,
        ip=by.ip[:MAX_IP],
        action=action,
        target_kind=subject.kind,
        target_id=str(subject.id),
        before=_plain(before),
        after=_plain(after),
        dedup=dedup,
    )
    once = statement.on_conflict_do_nothing(index_elements=["dedup"]).returning(AuditEntry.id)
    # What the entry tells of is written later, in one piece: a row that is updated twice has what it refers
    # to checked again, and for a key that is a lock on the wallet of running calls.
    return session.execute(once, execution_options={"autoflush": False}).one_or_none() is not None


def alter(
    session: Session, row: Base, changes: Mapping[str, object], *, action: str, subject: Subject, by: Actor
) -> frozenset[str]:
    """Set these fields and write down what they were. Returns those that changed; none: there is no entry."""
    before = {name: getattr(row, name) for name in changes}
    after = {name: value for name, value in changes.items() if value != before[name]}
    if not after:
        return frozenset()
    for name, value in after.items():
        setattr(row, name, value)
    record(session, action, subject, by=by, before={name: before[name] for name in after}, after=after)
    return frozenset(after)


def _plain(fields: Mapping[str, object] | None) -> dict[str, object] | None:
    """Fields as JSON can say them."""
    if fields is None:
        return None
    return {
        name: value.isoformat()
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, UUID)
        else value
        for name, value in fields.items()
    }
