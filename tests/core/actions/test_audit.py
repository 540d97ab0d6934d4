"""Entries of the audit log: what changed and nothing else, in the transaction of the change."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select, text

from core.actions.audit import OPERATOR, SYSTEM, Subject, alter, person, program, record
from core.models import AuditEntry

ID = UUID(int=7)
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def entries(db):
    return db.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()


def test_an_entry_says_who_did_what_to_whom_from_where(db):
    record(
        db, "model.updated", Subject("model", "a/b"), by=person(ID, ip="2001:db8::1"), after={"enabled": True}
    )

    (entry,) = entries(db)
    assert (entry.actor_kind, entry.actor_id, entry.ip) == ("user", ID, "2001:db8::1")
    assert (entry.action, entry.target_kind, entry.target_id) == ("model.updated", "model", "a/b")
    assert (entry.before, entry.after, entry.org_id, entry.wallet_id) == (None, {"enabled": True}, None, None)


def test_a_program_an_operator_and_the_system_are_told_apart(db):
    for by in (program(ID, UUID(int=8)), OPERATOR, SYSTEM):
        record(db, "x", Subject("model", "a/b"), by=by)

    assert [(e.actor_kind, e.actor_id) for e in entries(db)] == [
        ("key", ID),
        ("operator", None),
        ("system", None),
    ]


def test_what_is_to_be_said_once_is_said_once(db):
    said = [record(db, "x", Subject("model", "a/b"), by=SYSTEM, dedup=dedup) for dedup in ("1", "2", "1")]

    assert said == [True, True, False]
    assert [entry.dedup for entry in entries(db)] == ["1", "2"]


def test_an_entry_can_be_written_over_a_bare_connection(engine):
    with engine.begin() as connection:
        assert record(connection, "x", Subject("model", "a/b"), by=SYSTEM, dedup="1")
        assert not record(connection, "x", Subject("model", "a/b"), by=SYSTEM, dedup="1")


def test_only_what_changed_is_written_down(db, make):
    key = make.key()
    earlier = len(entries(db))
    subject = Subject("key", key.id, wallet_id=key.wallet_id)

    changes = {"name": key.name, "expires_at": NOW, "org_id": None, "enabled": False}
    changed = alter(db, key, changes, action="key.updated", subject=subject, by=OPERATOR)

    assert changed == {"expires_at", "enabled"}
    assert (key.expires_at, key.enabled) == (NOW, False)
    (entry,) = entries(db)[earlier:]
    assert entry.before == {"expires_at": None, "enabled": True}
    assert entry.after == {"expires_at": "2026-05-04T12:00:00+00:00", "enabled": False}


def test_no_change_is_no_entry(db, make):
    key = make.key()
    earlier = len(entries(db))

    changed = alter(db, key, {"name": key.name}, action="x", subject=Subject("key", key.id), by=OPERATOR)

    assert changed == frozenset()
    assert len(entries(db)) == earlier


def test_a_change_that_is_taken_back_is_not_written_down(db, make):
    key = make.key()
    earlier = len(entries(db))

    alter(db, key, {"name": "another"}, action="x", subject=Subject("key", key.id), by=OPERATOR)
    db.rollback()

    assert len(entries(db)) == earlier


def test_an_address_of_any_length_fits(db):
    record(db, "x", Subject("model", "a/b"), by=person(ID, ip="1" * 1000))

    assert db.scalar(text("SELECT length(ip) FROM audit_log")) == 64
