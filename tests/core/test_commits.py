"""What is noted in a transaction is dealt with once it has committed, kind by kind, or forgotten with it."""

import pytest
from sqlalchemy import text

from core.commits import after_commit, note
from core.db import session_factory


@pytest.fixture
def dealt():
    return []


@pytest.fixture
def session(engine, dealt):
    factory = session_factory(engine)
    for kind in ("letters", "bells"):
        after_commit(factory, kind, lambda _session, items, kind=kind: dealt.append((kind, items)))
    with factory() as opened:
        opened.execute(text("SELECT 1"))
        yield opened


def test_it_is_dealt_with_after_the_commit_and_once(session, dealt):
    note(session, "letters", 1)
    note(session, "letters", 2)
    assert dealt == []

    session.commit()
    session.execute(text("SELECT 1"))
    session.commit()

    assert dealt == [("letters", [1, 2])]


def test_kinds_are_dealt_with_apart(session, dealt):
    note(session, "bells", 1)
    note(session, "letters", 2)

    session.commit()

    assert sorted(dealt) == [("bells", [1]), ("letters", [2])]


def test_it_is_forgotten_with_the_rollback(session, dealt):
    note(session, "letters", 1)

    session.rollback()
    session.execute(text("SELECT 1"))
    session.commit()

    assert dealt == []


def test_a_savepoint_forgets_its_own_of_every_kind(session, dealt):
    note(session, "letters", 1)
    note(session, "bells", 2)
    with session.begin_nested():
        note(session, "letters", 3)
    with session.begin_nested() as undone:
        note(session, "letters", 4)
        note(session, "bells", 5)
        undone.rollback()
    assert dealt == []

    session.commit()

    assert sorted(dealt) == [("bells", [2]), ("letters", [1, 3])]


def test_what_nobody_deals_with_is_no_fault(session, dealt):
    note(session, "of no kind", 1)

    session.commit()

    assert dealt == []
