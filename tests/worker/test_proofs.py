"""The books are proved over and over; what is wrong is said."""

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from core.models import Wallet
from worker.proofs import Prover


def test_books_that_differ_raise_an_alarm_each_time(engine, make, capsys):
    user = make.user(credits_usd="5")
    wallet = update(Wallet).where(Wallet.id == user.wallet_id)
    with engine.begin() as connection:
        connection.execute(wallet.values(balance_n=5_000_000_001))
    prover = Prover(engine)

    prover.round()
    prover.round()
    found = dict(prover.mismatches_n)
    with engine.begin() as connection:
        connection.execute(wallet.values(balance_n=5_000_000_000))
    prover.round()

    out = capsys.readouterr().out
    assert out.count("books_differ") == 2
    assert out.count(str(user.wallet_id)) == 2
    assert found["the balance is the sum of the ledger"] == 1
    assert set(found.values()) == {0, 1}
    assert set(prover.mismatches_n.values()) == {0}


def test_the_books_are_proved_each_minute_and_less_often_when_that_takes_long(engine, monkeypatch):
    times = iter([0.0, 1.0, 61.0, 71.0])
    monkeypatch.setattr("worker.proofs.prove", lambda _: [])
    prover = Prover(engine, clock=lambda: next(times))

    assert prover.round() == 60
    assert prover.round() == 200


def test_a_proof_that_fails_says_nothing_about_the_books(engine, monkeypatch):
    def too_long(_engine):
        raise OperationalError("a sum over everything", {}, Exception("statement timeout"))

    prover = Prover(engine)
    prover.round()
    monkeypatch.setattr("worker.proofs.prove", too_long)

    with pytest.raises(OperationalError):
        prover.round()

    assert set(prover.mismatches_n.values()) == {0}
