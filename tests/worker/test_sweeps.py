"""Calls that hold money in PostgreSQL and that nobody has heard of are settled."""

import pytest
from sqlalchemy import select, text, update

from core.ids import uuid7
from core.models import Hold, Wallet
from worker.sweeps import Sweeper

METERED_N = 700


@pytest.fixture
def abandon(open_desk):
    """Admit a call, let it produce something, and let its deadline pass."""
    desk = open_desk(10_000)

    def begin(**fields):
        call = desk.admitted(1000, **fields)
        desk.checkpoint(call, METERED_N)
        desk.expire(call)
        return call.request_id

    begin.desk = desk
    return begin


def holds(engine):
    with engine.connect() as connection:
        return connection.scalars(select(Hold.request_id)).all()


def test_a_call_nobody_speaks_for_is_charged_what_it_was_known_to_have_made(engine, abandon, capsys):
    request_id = abandon()
    sweeper = Sweeper(engine)

    sweeper.round()

    assert abandon.desk.purse() == (10_000 - METERED_N, 0)
    assert sweeper.swept == 1
    out = capsys.readouterr().out
    assert (out.count("call_swept"), out.count(str(request_id))) == (1, 1)


def test_more_than_a_batch_is_settled_in_one_round(engine, abandon):
    for _ in range(3):
        abandon()

    Sweeper(engine, batch=2).round()

    assert holds(engine) == []


def test_a_call_that_cannot_be_settled_is_said_once_and_keeps_no_other(engine, abandon, capsys):
    stuck = abandon(request_id=uuid7(now_ms=0))  # of a month that has no partition
    sweeper = Sweeper(engine, batch=1)
    sweeper.round()
    other = abandon()

    sweeper.round()
    sweeper.round()

    out = capsys.readouterr().out
    assert holds(engine) == [stuck]
    assert (out.count("call_stuck"), out.count(str(stuck))) == (1, 1)
    assert str(other) in out


def test_trouble_with_the_database_is_no_fault_of_a_call(engine, abandon, capsys):
    abandon()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ledger RENAME TO away"))

    with pytest.raises(Exception, match="ledger"):
        Sweeper(engine).round()

    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO ledger"))
    assert "call_stuck" not in capsys.readouterr().out
    assert len(holds(engine)) == 1


def test_a_call_heard_of_in_the_meantime_goes_on(engine, abandon, monkeypatch):
    request_id = abandon()
    due = [(request_id, abandon.desk.wallet_id)]
    monkeypatch.setattr("worker.sweeps.due_holds", lambda *_args, **_options: due)
    with engine.begin() as connection:
        connection.execute(update(Hold).values(deadline_at=text("now() + interval '1 min'")))

    sweeper = Sweeper(engine)
    sweeper.round()

    assert (holds(engine), sweeper.swept) == ([request_id], 0)
    with engine.connect() as connection:
        assert connection.scalar(select(Wallet.held_n).where(Wallet.held_n > 0)) == 1000
