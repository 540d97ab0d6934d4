"""The audit log is append-only for everybody, and says once what is to be said once."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

ENTRY = """
    INSERT INTO audit_log (actor_kind, ip, action, target_kind, target_id, dedup)
    VALUES ('{kind}', '', 'breaker.tripped', 'org', 'x', {dedup})
"""


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_log SET after = '{}'",
        "UPDATE audit_log SET action = 'x' WHERE false",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        ENTRY.format(kind="system", dedup="'org minute 12'"),
        ENTRY.format(kind="somebody", dedup="NULL"),
    ],
)
def test_nobody_changes_removes_or_repeats_what_was_written(db, change):
    db.execute(text(ENTRY.format(kind="system", dedup="'org minute 12'")))
    db.commit()

    with pytest.raises(IntegrityError):
        db.execute(text(change))

    db.rollback()
    assert db.scalar(text("SELECT count(*) FROM audit_log WHERE action = 'breaker.tripped'")) == 1


def test_what_may_be_said_again_is(db):
    for _ in range(2):
        db.execute(text(ENTRY.format(kind="system", dedup="NULL")))

    assert db.scalar(text("SELECT count(*) FROM audit_log WHERE action = 'breaker.tripped'")) == 2
