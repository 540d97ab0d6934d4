"""Usage is summed by whatever a page asks, and of one wallet only."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from core.ids import uuid7
from core.queries import usage

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)  # a Wednesday
TODAY = NOW.date()
DAILY = """
    INSERT INTO usage_daily (wallet_id, day, key_id, model_id, app_name, requests, input_tokens, cached_tokens,
                             output_tokens, reasoning_tokens, upstream_n, charge_n, last_at)
    VALUES (:wallet, :day, :key, :model, :app, 1, 10, 1, 20, 2, :charge, :charge, :day)
"""
EVENT = """
    INSERT INTO usage_events (request_id, day, rank, wallet_id, user_id, key_id, model_id, provider, input_tokens,
        cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, upstream_n, charge_n, status, reason,
        estimated, disputed, stream, duration_ms, app_name, app_url, ended_at)
    VALUES (:id, current_date, 2, :wallet, :id, :id, 'm', '', 0, 0, 0, 0, 0, 0, 0, 402, 'insufficient_credits',
        false, false, false, 0, '', '', :ended)
"""


@pytest.fixture
def book(db):
    """Rows of daily sums, taken away again before the books are proved."""

    def booked(wallet, charge, *, day=TODAY, key=None, model="acme/tiny", app=""):
        values = {
            "wallet": wallet,
            "day": day,
            "key": key or uuid7(),
            "model": model,
            "app": app,
            "charge": charge,
        }
        db.execute(text(DAILY), values)

    yield booked
    db.rollback()


def test_totals_are_of_one_wallet_since_a_day(db, book):
    mine, theirs = uuid7(), uuid7()
    book(mine, 5)
    book(mine, 7, day=date(2026, 5, 1))
    book(mine, 100, day=date(2026, 4, 30))
    book(theirs, 1000)

    row = db.execute(usage.totals(mine, date(2026, 5, 1))).one()

    assert tuple(row) == (12, 2, 20, 2, 40, 4)
    assert db.scalar(usage.lifetime_charge(mine)) == 112
    assert db.scalar(usage.lifetime_charge(uuid7())) == 0
    assert tuple(db.execute(usage.totals(uuid7(), date(2026, 5, 1))).one()) == (0,) * 6


def test_groups_come_dearest_first(db, book):
    wallet, keys = uuid7(), [uuid7(), uuid7()]
    book(wallet, 5, key=keys[0], model="a/a", app="one")
    book(wallet, 9, key=keys[1], model="b/b", app="two")
    book(wallet, 5, key=keys[0], model="b/b")
    book(uuid7(), 500, model="c/c", app="three")
    since = NOW.date()

    assert [tuple(r)[:3] for r in db.execute(usage.by_model(wallet, since))] == [
        ("b/b", 14, 2),
        ("a/a", 5, 1),
    ]
    assert [tuple(r)[:2] for r in db.execute(usage.by_key(wallet, since))] == [(keys[0], 10), (keys[1], 9)]
    assert [tuple(r)[:2] for r in db.execute(usage.by_app(wallet, since))] == [("two", 9), ("one", 5)]


def test_days_come_in_order(db, book):
    wallet = uuid7()
    for day, model in ((3, "b"), (1, "a"), (3, "a")):
        book(wallet, day, day=date(2026, 5, day), model=model)

    rows = db.execute(usage.by_day_and_model(wallet, date(2026, 5, 1))).all()

    assert [(r.day.day, r.model_id, r.charge_n) for r in rows] == [(1, "a", 1), (3, "a", 3), (3, "b", 3)]


def test_a_key_shows_what_it_spent_today_this_week_and_this_month(db, book):
    wallet, key = uuid7(), uuid7()
    for charge, day in (
        (1, date(2026, 5, 6)),
        (10, date(2026, 5, 4)),
        (100, date(2026, 5, 3)),
        (1000, date(2026, 4, 30)),
    ):
        book(wallet, charge, day=day, key=key)

    (row,) = db.execute(usage.key_spend(wallet, NOW)).all()
    (facts,) = db.execute(usage.key_facts(wallet)).all()

    assert (row.key_id, row.day, row.week, row.month) == (key, 1, 11, 111)
    assert (facts.key_id, facts.charge_n, facts.requests) == (key, 1111, 4)
    assert facts.last_at.date() == date(2026, 5, 6)


def test_a_week_that_began_last_month_counts_whole(db, book):
    wallet, key = uuid7(), uuid7()
    for charge, day in ((1, date(2026, 10, 1)), (10, date(2026, 9, 28)), (100, date(2026, 9, 27))):
        book(wallet, charge, day=day, key=key)

    (row,) = db.execute(usage.key_spend(wallet, datetime(2026, 10, 1, tzinfo=UTC))).all()

    assert (row.day, row.week, row.month) == (1, 11, 1)


def test_the_latest_calls_come_newest_first_refused_ones_too(db):
    wallet = uuid7()
    ended = [NOW + timedelta(seconds=s) for s in range(4)]
    for at in ended:
        db.execute(text(EVENT), {"id": uuid7(), "wallet": wallet, "ended": at})
    db.execute(text(EVENT), {"id": uuid7(), "wallet": uuid7(), "ended": NOW})

    def moments(**fields):
        return [event.ended_at for event in db.scalars(usage.latest(wallet, **fields))]

    assert moments() == ended[::-1]
    assert moments(limit=2) == [ended[3], ended[2]]
    assert moments(since=ended[1]) == [ended[3], ended[2]]
    db.rollback()
