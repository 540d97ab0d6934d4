"""Settling a call of path (a): its hold goes; what it came to is booked, in one transaction.

Settling again changes nothing, and a final settlement that comes after the hold was swept replaces the
sweeper's guess, by the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, select, update

from core.charging import generations
from core.charging.booking import book
from core.charging.calls import (
    FINAL,
    ORPHAN,
    REFUSED,
    Call,
    Ending,
    Entry,
    Settled,
    base_facts,
    final_facts,
    orphan_facts,
)
from core.charging.holds import beside_leases, budgets_of
from core.ids import day_of
from core.models import Hold, UsageEvent, Wallet
from core.rules.admission import Budget, Funds, within_means


@dataclass(frozen=True, slots=True)
class _Means:
    """What there is to charge, with this call's own hold still counted as held."""

    wallet: Funds
    budgets: Sequence[Budget]
    is_counted_here: bool  # else by Redis, which was told what is held, and counts on no more

    def payable(self, charge_n: int, *, hold_n: int) -> int:
        """What of a charge may be taken."""
        if not self.is_counted_here:
            return min(charge_n, hold_n)
        budgets = beside_leases(self.budgets, self.wallet)
        return within_means(charge_n, hold_n=hold_n, funds=self.wallet, budgets=budgets)


def settle(connection: Connection, call: Call, ending: Ending) -> Settled:
    """Book how a call ended. May be repeated: the first final settlement stands."""
    is_counted_here = generations.none_is_open(connection)
    wallet = _lock(connection, call.wallet_id)
    budgets = budgets_of(connection, call) if ending.cost.charge_n else []
    means = _Means(wallet, budgets, is_counted_here=is_counted_here)
    hold = _take(connection, call.request_id, call.wallet_id)
    if hold is not None:
        _release(connection, hold)
        charge_n = means.payable(ending.cost.charge_n, hold_n=hold.amount_n)
        return Settled("settled", _book(connection, call, ending, charge_n))
    earlier = connection.execute(_earlier(call)).one_or_none()
    if earlier is None:
        return Settled("unknown", 0)
    if earlier.rank >= FINAL:
        return Settled("already", earlier.charge_n)
    more_n = means.payable(ending.cost.charge_n - earlier.charge_n, hold_n=0)
    return Settled("adjusted", _book(connection, call, ending, earlier.charge_n + more_n))


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
    _release(connection, hold)
    lasted = connection.execute(select(func.clock_timestamp() - hold.admitted_at)).scalar_one()
    facts = orphan_facts(
        upstream_n=hold.metered_upstream_n,
        output_tokens=hold.metered_tokens,
        duration_ms=max(0, lasted // timedelta(milliseconds=1)),
    )
    entry = Entry(
        request_id=request_id,
        wallet_id=wallet_id,
        rank=ORPHAN,
        charge_n=min(hold.metered_n, hold.amount_n),
        facts={**hold.event, **facts},
    )
    return Settled("settled", book(connection, [entry])[request_id])


def _book(connection: Connection, call: Call, ending: Ending, charge_n: int) -> int:
    facts = {**base_facts(call), **final_facts(ending)}
    entry = Entry(
        request_id=call.request_id, wallet_id=call.wallet_id, rank=FINAL, charge_n=charge_n, facts=facts
    )
    return book(connection, [entry])[call.request_id]


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


def _release(connection: Connection, hold: Any) -> None:
    connection.execute(
        update(Wallet).where(Wallet.id == hold.wallet_id).values(held_n=Wallet.held_n - hold.amount_n)
    )


def _earlier(call: Call) -> Any:
    return select(UsageEvent.rank, UsageEvent.charge_n).where(
        UsageEvent.request_id == call.request_id,
        UsageEvent.day == day_of(call.request_id),
        UsageEvent.wallet_id == call.wallet_id,
        UsageEvent.rank > REFUSED,
    )
