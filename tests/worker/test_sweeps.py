"""The ledger process: abandoned calls are settled once, whatever goes wrong meanwhile."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, func, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from core.charging.calls import Admitted, Call
from core.charging.holds import admit
from core.ids import uuid7
from core.models import Hold, UsageEvent, Wallet
from core.money import Nanos
from core.rules.admission import Want
from worker.ledger import LONGEST_WAIT_S, Ledger, waits

METERED_N = 700
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def abandon(engine, make):
    """Admit a call, let it produce something, and let its deadline pass."""
    make.provider()
    offer = make.offer()
    key = make.key(make.user(credits_usd="10"))

    def begin(request_id: UUID | None = None) -> UUID:
        with engine.connect() as connection:
            wallet_ver = connection.scalar(select(Wallet.ver).where(Wallet.id == key.wallet_id))
        call = Call(
            request_id=request_id or uuid7(),
            wallet_id=key.wallet_id,
            user_id=key.user_id,
            key_id=key.id,
            key_ver=key.ver,
            wallet_ver=wallet_ver,
            model_id="acme/tiny",
            price_card_id=offer.price_card_id,
            stream=True,
            app_name="",
            app_url="",
            want=Want(full_n=Nanos(1000), slice_n=Nanos(1000), floor_n=Nanos(1000)),
            started_at=datetime.now(UTC),
        )
        with engine.begin() as connection:
            assert isinstance(admit(connection, call, boot_id=uuid4(), hold_s=30), Admitted)
            connection.execute(
                update(Hold)
                .where(Hold.request_id == call.request_id)
                .values(metered_n=METERED_N, deadline_at=datetime.now(UTC) - timedelta(seconds=1))
            )
        return call.request_id

    begin.wallet_id = key.wallet_id
    return begin


def count(engine, table):
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def lock_waited_for(engine):
    with engine.connect() as connection:  # a transaction sees one state of the activity only
        return connection.scalar(text(WAITING))


def test_a_call_nobody_speaks_for_is_charged_what_it_was_known_to_have_made(engine, abandon, start):
    request_id = abandon()

    line = start("worker.ledger").wait_for("call_swept")

    assert (line["request_id"], line["wallet_id"]) == (str(request_id), str(abandon.wallet_id))
    assert line["charge_n"] == METERED_N
    with engine.connect() as connection:
        wallet = connection.execute(select(Wallet.balance_n, Wallet.held_n)).one()
    assert tuple(wallet) == (10_000_000_000 - METERED_N, 0)


def test_two_at_once_settle_every_call_once(engine, abandon, start, until):
    requests = {str(abandon()) for _ in range(20)}

    both = [start("worker.ledger"), start("worker.ledger")]
    for ledger in both:
        ledger.wait_for("started")
    until(lambda: count(engine, Hold) == 0)
    for ledger in both:
        ledger.stop()
        ledger.close()

    swept = [line["request_id"] for ledger in both for line in ledger.events("call_swept")]
    assert sorted(swept) == sorted(requests)
    assert count(engine, UsageEvent) == len(requests)


def test_more_than_a_batch_is_settled_in_one_round(engine, abandon):
    for _ in range(3):
        abandon()
    ledger = Ledger(engine, batch=2)

    ledger.round()

    assert count(engine, Hold) == 0


def test_a_call_that_cannot_be_settled_is_said_once_and_keeps_no_other(engine, abandon, capsys):
    stuck = abandon(uuid7(now_ms=0))  # of a month that has no partition
    ledger = Ledger(engine, batch=1)
    ledger.round()
    other = abandon()

    ledger.round()
    ledger.round()

    out = capsys.readouterr().out
    with engine.connect() as connection:
        left = connection.scalars(select(Hold.request_id)).all()
    assert left == [stuck]
    assert (out.count("call_stuck"), out.count(str(stuck))) == (1, 1)
    assert str(other) in out


def test_books_that_differ_raise_an_alarm(engine, make, start):
    user = make.user(credits_usd="5")
    wallet = update(Wallet).where(Wallet.id == user.wallet_id)
    with engine.begin() as connection:
        connection.execute(wallet.values(balance_n=5_000_000_001))

    line = start("worker.ledger").wait_for("books_differ")

    with engine.begin() as connection:
        connection.execute(wallet.values(balance_n=5_000_000_000))
    assert (line["level"], line["check"]) == ("error", "the balance is the sum of the ledger")
    assert (line["subject"], line["expected"], line["found"]) == (
        str(user.wallet_id),
        5_000_000_000,
        5_000_000_001,
    )


def test_the_books_are_proved_each_minute_and_less_often_when_that_takes_long(engine, monkeypatch):
    times = iter([0.0, 0.0, 0.0, 1.0, 59.0, 61.0, 61.0, 71.0, 270.0])
    proofs = []
    monkeypatch.setattr("worker.ledger.prove", lambda _: proofs.append(1) or [])
    ledger = Ledger(engine, clock=lambda: next(times))  # made at 0

    ledger.round()  # due at 0, took from 0 to 1: next at 61
    ledger.round()  # asked at 59
    ledger.round()  # asked at 61, took from 61 to 71: next at 271
    ledger.round()  # asked at 270

    assert len(proofs) == 2


def test_a_proof_that_fails_is_not_made_again_at_once(engine, monkeypatch):
    times = iter([0.0, 0.0, 0.0, 600.0, 601.0])
    proofs = []

    def too_long(_engine):
        proofs.append(1)
        raise OperationalError("a sum over everything", {}, Exception("statement timeout"))

    monkeypatch.setattr("worker.ledger.prove", too_long)
    ledger = Ledger(engine, clock=lambda: next(times))

    with pytest.raises(OperationalError):
        ledger.round()  # took from 0 to 600
    ledger.round()  # asked at 601

    assert len(proofs) == 1


def test_postgres_going_away_and_coming_back_is_survived(postgres_url, engine, abandon, start):
    ledger = start("worker.ledger")
    ledger.wait_for("started")
    name = make_url(str(engine.url)).database
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        ledger.wait_for("postgres_away")
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()
    ledger.wait_for("postgres_back")
    engine.dispose()
    abandon()

    ledger.wait_for("call_swept")

    assert (len(ledger.events("postgres_away")), len(ledger.events("postgres_back"))) == (1, 1)


def test_sigterm_ends_it_within_a_second_idle_or_waiting_for_a_lock(engine, abandon, start, until):
    idle = start("worker.ledger")
    idle.wait_for("started")
    assert idle.stop() < 1

    abandon()
    with engine.begin() as connection:
        connection.execute(select(Wallet.id).with_for_update())
        waiting = start("worker.ledger")
        until(lambda: lock_waited_for(engine))
        assert waiting.stop() < 1

    assert [idle.process.returncode, waiting.process.returncode] == [0, 0]


def test_waits_grow_and_are_bounded():
    found = waits()

    first = [next(found) for _ in range(8)]

    assert first[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert first[5:] == [LONGEST_WAIT_S] * 3


def test_a_missing_setting_is_one_sentence(start):
    ledger = start("worker.ledger", DATABASE_URL="")

    assert ledger.process.wait(60) == 1
    ledger.close()
    assert ledger.lines == ["Error: DATABASE_URL is not set; docs/settings.md says what it holds\n"]
