"""Reading usage: the latest calls row by row, everything else summed from the daily table. Of one wallet."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, func, select

from core.models import UsageDaily, UsageEvent
from core.rules.periods import LIMIT_PERIODS, start_of


def summed(column: Any) -> ColumnElement[int]:
    """The sum as a whole number: PostgreSQL makes a numeric of a sum of bigints, psycopg a Decimal."""
    return func.coalesce(func.sum(column), 0).cast(BigInteger)


SUMS: tuple[ColumnElement[Any], ...] = (
    summed(UsageDaily.charge_n).label("charge_n"),
    summed(UsageDaily.requests).label("requests"),
    summed(UsageDaily.input_tokens).label("input_tokens"),
    summed(UsageDaily.cached_tokens).label("cached_tokens"),
    summed(UsageDaily.output_tokens).label("output_tokens"),
    summed(UsageDaily.reasoning_tokens).label("reasoning_tokens"),
)


def totals(wallet_id: UUID, since: date) -> Select[*tuple[Any, ...]]:
    """One row: charge_n, requests and tokens since a day."""
    return select(*SUMS).where(UsageDaily.wallet_id == wallet_id, UsageDaily.day >= since)


def by_model(wallet_id: UUID, since: date) -> Select[*tuple[Any, ...]]:
    """A row a model, dearest first."""
    return _grouped(wallet_id, since, UsageDaily.model_id)


def by_key(wallet_id: UUID, since: date) -> Select[*tuple[Any, ...]]:
    """A row a key id, dearest first."""
    return _grouped(wallet_id, since, UsageDaily.key_id)


def by_app(wallet_id: UUID, since: date) -> Select[*tuple[Any, ...]]:
    """A row an app that named itself, dearest first."""
    return _grouped(wallet_id, since, UsageDaily.app_name).where(UsageDaily.app_name != "")


def by_day_and_model(wallet_id: UUID, since: date) -> Select[*tuple[Any, ...]]:
    """A row a day and model, in the order of days."""
    return (
        select(UsageDaily.day, UsageDaily.model_id, *SUMS)
        .where(UsageDaily.wallet_id == wallet_id, UsageDaily.day >= since)
        .group_by(UsageDaily.day, UsageDaily.model_id)
        .order_by(UsageDaily.day, UsageDaily.model_id)
    )


def by_hour_and_model(wallet_id: UUID, on: date) -> Select[*tuple[Any, ...]]:
    """A row an hour (0 to 23, UTC) and model of one day, in the order of hours."""
    hour = func.extract("hour", func.timezone("UTC", UsageEvent.ended_at)).cast(Integer)
    midnight = datetime.combine(on, time(), UTC)
    return (
        select(hour.label("hour"), UsageEvent.model_id, summed(UsageEvent.charge_n).label("charge_n"))
        .where(UsageEvent.wallet_id == wallet_id, UsageEvent.day == on, UsageEvent.charge_n > 0)
        # What the index is over; a call of the day may end a little after it.
        .where(UsageEvent.ended_at >= midnight, UsageEvent.ended_at < midnight + timedelta(days=2))
        .group_by(hour, UsageEvent.model_id)
        .order_by(hour, UsageEvent.model_id)
    )


def key_facts(wallet_id: UUID) -> Select[*tuple[Any, ...]]:
    """A row a key: its requests, tokens, total charge and last use."""
    return (
        select(UsageDaily.key_id, *SUMS, func.max(UsageDaily.last_at).label("last_at"))
        .where(UsageDaily.wallet_id == wallet_id)
        .group_by(UsageDaily.key_id)
    )


def key_spend(wallet_id: UUID, now: datetime) -> Select[*tuple[Any, ...]]:
    """A row a key with what it spent (charge, nano-dollars) this `day`, `week` and `month`."""
    sums = [
        func.coalesce(func.sum(UsageDaily.charge_n).filter(UsageDaily.day >= start_of(period, now)), 0)
        .cast(BigInteger)
        .label(period)
        for period in LIMIT_PERIODS
    ]
    first = min(start_of(period, now) for period in LIMIT_PERIODS)
    return (
        select(UsageDaily.key_id, *sums)
        .where(UsageDaily.wallet_id == wallet_id, UsageDaily.day >= first)
        .group_by(UsageDaily.key_id)
    )


def latest(wallet_id: UUID, *, limit: int = 50, since: datetime | None = None) -> Select[UsageEvent]:
    """The calls that ended last, refused ones too, newest first; `since` leaves out what ended up to then."""
    events = select(UsageEvent).where(UsageEvent.wallet_id == wallet_id)
    if since is not None:
        events = events.where(UsageEvent.ended_at > since)
    return events.order_by(UsageEvent.ended_at.desc(), UsageEvent.request_id.desc()).limit(limit)


def lifetime_charge(wallet_id: UUID) -> Select[int]:
    """All that was ever charged, nano-dollars."""
    return select(summed(UsageDaily.charge_n)).where(UsageDaily.wallet_id == wallet_id)


def _grouped(wallet_id: UUID, since: date, by: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(by, *SUMS)
        .where(UsageDaily.wallet_id == wallet_id, UsageDaily.day >= since)
        .group_by(by)
        .order_by(func.sum(UsageDaily.charge_n).desc(), by)
    )
