"""The demo's month: rows as real calls would have left them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from core.actions.partitions import ensure_partitions
from core.models import LedgerEntry, UsageDaily, UsageEvent, Wallet
from dev.demo_usage import DAYS, plant_usage


def plant(db, make, now):
    make.provider("openai")
    make.offer(
        "openai/gpt-4.1-mini",
        provider="openai",
        prices={"input": "0.4", "output": "1.6", "cached_read": "0.1"},
    )
    user = make.user(credits_usd="200")
    ensure_partitions(db, first=(now - timedelta(days=DAYS + 1)).date(), last=now.date())
    count = plant_usage(db, [make.key(user)], fee_bps=1000, now=now)
    db.commit()
    return user, count


def test_a_month_of_calls_is_booked_like_real_ones(db, make):
    now = datetime.now(UTC)

    user, count = plant(db, make, now)

    spent = db.scalar(select(func.sum(UsageEvent.charge_n)))
    assert count == db.scalar(select(func.count()).select_from(UsageEvent)) > 500
    assert db.get(Wallet, user.wallet_id, populate_existing=True).balance_n == 200 * 10**9 - spent
    assert db.scalar(select(func.sum(LedgerEntry.amount_n)).where(LedgerEntry.kind == "usage")) == -spent
    assert db.scalar(select(func.sum(UsageDaily.requests))) == count
    oldest, newest = db.execute(select(func.min(UsageEvent.ended_at), func.max(UsageEvent.ended_at))).one()
    assert now - timedelta(days=DAYS + 1) < oldest
    assert newest < now
    times = db.scalars(
        select(LedgerEntry.at).where(LedgerEntry.kind == "usage").order_by(LedgerEntry.id)
    ).all()
    assert times == sorted(times)


def test_without_its_models_nothing_is_planted(db, make):
    user = make.user(credits_usd="1")

    assert plant_usage(db, [make.key(user)], fee_bps=1000, now=datetime.now(UTC)) == 0
