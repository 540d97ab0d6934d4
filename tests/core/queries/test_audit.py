"""The audit log is read newest first, page by page, of one organization or of all."""

from core.actions.audit import SYSTEM, Subject, record
from core.queries.audit import entries, entries_of


def test_an_organization_reads_its_own_entries_page_by_page(db, make):
    one, other = make.org(), make.org()
    for n in range(3):
        for org in (one, other):
            record(db, f"n{n}", Subject("org", org.id, org.id), by=SYSTEM)

    first = db.scalars(entries_of(one.id, limit=2)).all()
    rest = db.scalars(entries_of(one.id, before=first[-1].id)).all()

    assert [entry.action for entry in first] == ["n2", "n1"]
    assert [entry.action for entry in rest] == ["n0", "org.created"]
    assert {entry.org_id for entry in (*first, *rest)} == {one.id}


def test_an_operator_reads_all(db, make):
    one, other = make.org(), make.org()
    record(db, "x", Subject("model", "a/b"), by=SYSTEM)

    found = db.scalars(entries(limit=3)).all()

    assert [(entry.action, entry.org_id) for entry in found] == [
        ("x", None),
        ("org.created", other.id),
        ("org.created", one.id),
    ]
    assert db.scalars(entries(before=found[-1].id)).all() == []
