"""Doing something once a transaction has committed, and forgetting it when it rolls back."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker


def note(session: Session, kind: str, item: object) -> None:
    """Note something; it is dealt with when the session commits and forgotten when it rolls back."""
    session.info.setdefault(kind, []).append(item)


def after_commit(
    factory: sessionmaker[Session], kind: str, deal: Callable[[Session, list[Any]], None]
) -> None:
    """Have what sessions of this factory note dealt with after they commit.

    SQLAlchemy reports the end of a savepoint like that of the transaction: releasing one does nothing yet,
    and rolling one back forgets only what was noted inside.
    """
    marks_of = f"{kind}_marks"

    def done(session: Session) -> None:
        if not session.in_nested_transaction() and (noted := session.info.pop(kind, [])):
            deal(session, noted)

    def forget(session: Session) -> None:
        marks = session.info.get(marks_of, [])
        noted = session.info.get(kind, [])
        del noted[marks[-1] if marks else 0 :]

    def begin_savepoint(session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            session.info.setdefault(marks_of, []).append(len(session.info.get(kind, [])))

    def end_savepoint(session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            session.info[marks_of].pop()

    event.listen(factory, "after_commit", done)
    event.listen(factory, "after_rollback", forget)
    event.listen(factory, "after_transaction_create", begin_savepoint)
    event.listen(factory, "after_transaction_end", end_savepoint)
