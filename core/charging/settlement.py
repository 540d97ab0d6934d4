"""Settling a call: its hold goes; its usage row, daily sum and ledger row come, in one transaction.

Amounts are absolute and a call has one usage row: settling again changes nothing, and a final settlement that
comes after the hold was swept replaces the sweeper's guess, by the difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from core.charging.calls import FINAL, ORPHAN, Ending, Settled
from core.charging.holds import key_limit
from core.ids import created_at, day_of
from core.models import ApiKey, Hold, LedgerEntry, UsageDaily, UsageEvent, Wallet
from core.money import Nanos
from core.rules.admission import Funds, within_means
from core.rules.prices import Cost, Usage

SUMMED = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "upstream_n", "charge_n")
EVENT_COLUMNS = tuple(UsageEvent.__table__.columns.keys())


def settle(connection: Connection, *, request_id: UUID, wallet_id: UUID, ending: Ending) -> Settled:
    """Book how a call ended. May be repeated: the first final settlement stands."""
    wallet = _lock(connection, wallet_id)
    if (hold := _take(connection, request_id, wallet_id)) is not None:
        charge_n = _affordable(connection, wallet, hold, ending.cost.charge_n, own_n=hold.amount_n)
        _book(connection, _event(hold, ending, charge_n, rank=FINAL), released_n=hold.amount_n)
        return Settled("settled", charge_n)
    statement = select(*UsageEvent.__table__.columns).where(
        UsageEvent.request_id == request_id,
        UsageEvent.day == day_of(request_id),
        UsageEvent.wallet_id == wallet_id,
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return Settled("unknown", 0)
    if row.rank >= FINAL:
        return Settled("already", row.charge_n)
    more_n = ending.cost.charge_n - row.charge_n
    charge_n = Nanos(row.charge_n + _affordable(connection, wallet, row, more_n, own_n=0))
    before = dict(row._mapping)  # noqa: SLF001  # its public name, underscore or not
    _replace(connection, before, {**before, **_outcome(ending, charge_n), "rank": FINAL})
    return Settled("adjusted", charge_n)


def due_holds(connection: Connection, *, limit: int = 100) -> Sequence[Row[UUID, UUID]]:
    """Calls nobody has heard of past their deadline: request id and wallet id."""
    return connection.execute(
        select(Hold.request_id, Hold.wallet_id)
        .where(Hold.deadline_at < func.clock_timestamp())
        .order_by(Hold.deadline_at)
        .limit(limit)
    ).all()


def sweep(connection: Connection, *, request_id: UUID, wallet_id: UUID) -> Settled | None:
    """Settle an abandoned call at what it was known to have produced. None when it was heard of after all."""
    _lock(connection, wallet_id)
    hold = _take(connection, request_id, wallet_id, overdue=True)
    if hold is None:
        return None
    charge_n = Nanos(min(hold.metered_n, hold.amount_n))
    lasted = connection.execute(select(func.clock_timestamp() - hold.admitted_at)).scalar_one()
    ending = Ending(
        provider="",
        usage=Usage(output_tokens=hold.metered_tokens),
        cost=Cost(upstream_n=Nanos(hold.metered_upstream_n), charge_n=charge_n),
        status=500,
        reason="orphaned",
        estimated=True,
        duration_ms=lasted // timedelta(milliseconds=1),
    )
    _book(connection, _event(hold, ending, charge_n, rank=ORPHAN), released_n=hold.amount_n)
    return Settled("settled", charge_n)


def _lock(connection: Connection, wallet_id: UUID) -> Funds:
    row = connection.execute(
        select(Wallet.balance_n, Wallet.credit_limit_n, Wallet.leased_n, Wallet.held_n)
        .where(Wallet.id == wallet_id)
        .with_for_update()
    ).one()
    return Funds(*row)


def _take(connection: Connection, request_id: UUID, wallet_id: UUID, *, overdue: bool = False) -> Any:
    """Remove the hold and return its row; None when it is gone already, or of another wallet."""
    statement = delete(Hold).where(Hold.request_id == request_id, Hold.wallet_id == wallet_id)
    if overdue:
        statement = statement.where(Hold.deadline_at < func.clock_timestamp())
    return connection.execute(statement.returning(*Hold.__table__.columns)).one_or_none()


def _affordable(connection: Connection, wallet: Funds, call: Any, charge_n: int, *, own_n: int) -> Nanos:
    """What of a charge can be taken: all of it up to the call's own hold, then what nobody else holds.

    `call` is the row of its hold or usage; the limit is its key's, in the period the call began in.
    """
    if charge_n <= own_n:
        return Nanos(charge_n)
    limit = None
    key = connection.execute(
        select(ApiKey.spend_limit_n, ApiKey.spend_limit_period).where(ApiKey.id == call.key_id)
    ).one()
    if key.spend_limit_n is not None:
        at = created_at(call.request_id)
        limit = key_limit(connection, call.key_id, key.spend_limit_n, key.spend_limit_period, now=at)
    if own_n and limit is not None:  # the hold was just removed from what the key holds; here it still counts
        limit = type(limit)(limit.limit_n, limit.spent_n, limit.held_n + own_n, limit.resets_at)
    return within_means(charge_n, hold_n=own_n, funds=wallet, limit=limit)


def _event(hold: Any, ending: Ending, charge_n: Nanos, *, rank: int) -> dict[str, Any]:
    return {
        **hold.event,
        "request_id": hold.request_id,
        "day": day_of(hold.request_id),
        "wallet_id": hold.wallet_id,
        "key_id": hold.key_id,
        "rank": rank,
        **_outcome(ending, charge_n),
    }


def _outcome(ending: Ending, charge_n: Nanos) -> dict[str, Any]:
    """The columns of a usage row that say how the call ended."""
    facts = {name: value for name, value in asdict(ending).items() if name in EVENT_COLUMNS}
    tokens = {name: value for name, value in asdict(ending.usage).items() if name in EVENT_COLUMNS}
    if ending.price_card_id is None:
        del facts["price_card_id"]  # the one of the admission stands
    upstream_n = ending.cost.upstream_n
    return {
        **facts,
        **tokens,
        "upstream_n": upstream_n,
        "charge_n": charge_n,
        "ended_at": func.clock_timestamp(),
    }


def _book(connection: Connection, event: dict[str, Any], *, released_n: int) -> None:
    # A refusal may stand under this id, when the reply to an admission was lost; it cost and counts nothing.
    statement = insert(UsageEvent).values(event)
    statement = statement.on_conflict_do_update(index_elements=["request_id", "day"], set_=event)
    ended_at = connection.execute(statement.returning(UsageEvent.ended_at)).scalar_one()
    _sum(connection, {**event, "ended_at": ended_at}, sign=1)
    _pay(connection, event, event["charge_n"], kind="usage", released_n=released_n)


def _replace(connection: Connection, before: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    ended_at = connection.execute(
        update(UsageEvent)
        .where(UsageEvent.request_id == before["request_id"], UsageEvent.day == before["day"])
        .values(event)
        .returning(UsageEvent.ended_at)
    ).scalar_one()
    _sum(connection, {**before, "ended_at": ended_at}, sign=-1)
    _sum(connection, {**event, "ended_at": ended_at}, sign=1)
    _pay(connection, event, event["charge_n"] - before["charge_n"], kind="adjustment", released_n=0)


def counts(event: Mapping[str, Any]) -> bool:
    """Say whether a call is part of the daily sums: it was answered, or it cost something."""
    return bool(event["charge_n"]) or event["status"] < 400  # noqa: PLR2004


def _sum(connection: Connection, event: Mapping[str, Any], *, sign: int) -> None:
    if not counts(event):
        return
    statement = insert(UsageDaily).values(
        wallet_id=event["wallet_id"],
        day=event["day"],
        key_id=event["key_id"],
        model_id=event["model_id"],
        app_name=event["app_name"],
        requests=sign,
        last_at=event["ended_at"],
        **{name: sign * event[name] for name in SUMMED},
    )
    table, new = UsageDaily.__table__.c, statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["wallet_id", "day", "key_id", "model_id", "app_name"],
            set_={
                "last_at": func.greatest(table.last_at, new.last_at),
                **{name: table[name] + new[name] for name in ("requests", *SUMMED)},
            },
        )
    )


def _pay(
    connection: Connection, event: Mapping[str, Any], charge_n: int, *, kind: str, released_n: int
) -> None:
    if charge_n:
        connection.execute(
            insert(LedgerEntry).values(
                wallet_id=event["wallet_id"],
                kind=kind,
                ref=str(event["request_id"]),
                amount_n=-charge_n,
                note=event["model_id"],
            )
        )
    connection.execute(
        update(Wallet)
        .where(Wallet.id == event["wallet_id"])
        .values(balance_n=Wallet.balance_n - charge_n, held_n=Wallet.held_n - released_n)
    )
