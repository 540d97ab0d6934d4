"""Admitting a call, watching it run, extending it: what happens while money is held.

Lock order, everywhere: generations, wallet, hold. A wallet's calls are admitted and settled one after the
other. Calls are admitted here while no generation of Redis is open: Redis knows of what was charged here only
when the next one opens.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from core.charging import generations
from core.charging.calls import (
    REFUSED,
    Admitted,
    Call,
    Elsewhere,
    Progress,
    Stale,
    TooFast,
    Unsettled,
    Verdict,
    base_facts,
)
from core.ids import created_at, day_of, first_id
from core.models import ApiKey, Hold, Spend, UsageEvent, User, Wallet
from core.rules.admission import Admit, Budget, Deny, Funds, decide, extension
from core.rules.periods import end_of, start_of
from core.rules.scopes import Subject

AT_ONCE_MS = 1000  # after that some call may have ended


def admit(
    connection: Connection, call: Call, *, boot_id: UUID, hold_s: int, at_once: int = 0
) -> Verdict | Elsewhere | Unsettled:
    """Hold the call's worst case, or say why not. Admitting the same request id again answers the same.

    A call that was settled or swept since is not admitted again: Stale. `at_once`: how many calls of a wallet
    may run at the same time; 0: any number.
    """
    if not generations.none_is_open(connection):
        return _earlier(connection, call) or Elsewhere()
    row = connection.execute(_admission_row(call.wallet_id, call.key_id)).one_or_none()
    if row is None or not _is_current(row, call):
        return _earlier(connection, call) or Stale()
    if at_once and _running(connection, call.wallet_id) >= at_once:
        return _earlier(connection, call) or TooFast(at_once, AT_ONCE_MS, at_once=True, whose="account")
    verdict = _decide(connection, call, _funds(row))
    if not isinstance(verdict, Admit):
        return _earlier(connection, call) or verdict
    if not _insert(connection, call, verdict.hold_n, boot_id=boot_id, hold_s=hold_s):
        return _earlier(connection, call) or Stale()
    _move_held(connection, call.wallet_id, verdict.hold_n)
    return Admitted(verdict.hold_n)


def _decide(connection: Connection, call: Call, funds: Funds) -> Admit | Deny | Unsettled:
    """What is leased may have been spent, by calls not booked yet; on whose budget, nobody knows."""
    budgets = budgets_of(connection, call)
    verdict = decide(call.want, funds, beside_leases(budgets, funds))
    if funds.leased_n == 0 or isinstance(verdict, Admit):
        return verdict
    exact = decide(call.want, replace(funds, leased_n=0), budgets)
    return exact if isinstance(exact, Deny) else Unsettled()


def _running(connection: Connection, wallet_id: UUID) -> int:
    return connection.execute(select(func.count()).where(Hold.wallet_id == wallet_id)).scalar_one()


def _insert(connection: Connection, call: Call, hold_n: int, *, boot_id: UUID, hold_s: int) -> bool:
    """Make the hold's row, unless the call has one or has ended already."""
    row = {
        "request_id": call.request_id,
        "wallet_id": call.wallet_id,
        "key_id": call.key_id,
        "team_id": call.caller.team_id,
        "member_id": call.caller.member_id,
        "amount_n": hold_n,
        "metered_n": 0,
        "metered_upstream_n": 0,
        "metered_tokens": 0,
        "event": base_facts(call),
        "boot_id": boot_id,
        "admitted_at": call.started_at,
    }
    columns = Hold.__table__.c
    values = [literal(value, columns[name].type) for name, value in row.items()]
    ended = exists().where(
        UsageEvent.request_id == call.request_id,
        UsageEvent.day == day_of(call.request_id),
        UsageEvent.rank > REFUSED,
    )
    deadline = func.clock_timestamp() + timedelta(seconds=hold_s)
    statement = insert(Hold).from_select([*row, "deadline_at"], select(*values, deadline).where(~ended))
    inserted = connection.execute(statement.on_conflict_do_nothing().returning(Hold.request_id))
    return inserted.one_or_none() is not None


def checkpoint(connection: Connection, running: Sequence[Progress], *, hold_s: int) -> None:
    """Say that these calls are alive and what they have produced: what they are charged should we die."""
    if not running:
        return
    connection.execute(
        update(Hold)
        .where(Hold.request_id == bindparam("rid"))
        .values(
            metered_n=func.greatest(Hold.metered_n, bindparam("charge")),
            metered_upstream_n=func.greatest(Hold.metered_upstream_n, bindparam("upstream")),
            metered_tokens=func.greatest(Hold.metered_tokens, bindparam("tokens")),
            deadline_at=func.clock_timestamp() + timedelta(seconds=hold_s),
        )
        .execution_options(synchronize_session=False),
        # in one order everywhere, so that two processes never wait for each other
        [
            {
                "rid": p.request_id,
                "charge": p.cost.charge_n,
                "upstream": p.cost.upstream_n,
                "tokens": p.output_tokens,
            }
            for p in sorted(running, key=lambda p: p.request_id)
        ],
    )


def extend(connection: Connection, call: Call, *, more_n: int) -> int:
    """Add to a running call's hold what there is of `more_n`. Returns what was added; 0 when all is gone."""
    if not generations.none_is_open(connection):  # Redis counts on what was held when its generation opened
        return 0
    row = connection.execute(_admission_row(call.wallet_id, call.key_id)).one_or_none()
    if row is None:
        return 0
    funds, budgets = _funds(row), budgets_of(connection, call)
    added = extension(more_n=more_n, funds=funds, budgets=beside_leases(budgets, funds))
    if added == 0:
        return 0
    grown = connection.execute(
        update(Hold)
        .where(Hold.request_id == call.request_id, Hold.wallet_id == call.wallet_id)
        .values(amount_n=Hold.amount_n + added)
        .returning(Hold.amount_n)
    ).scalar_one_or_none()
    if grown is None:  # settled in the meantime
        return 0
    _move_held(connection, call.wallet_id, added)
    return added


def _admission_row(wallet_id: UUID, key_id: UUID) -> Any:
    """The wallet, locked, with the key that draws on it."""
    return (
        select(
            Wallet.balance_n,
            Wallet.credit_limit_n,
            Wallet.leased_n,
            Wallet.held_n,
            Wallet.ver.label("wallet_ver"),
            ApiKey.ver.label("key_ver"),
            or_(Wallet.suspended_at.is_not(None), User.suspended_at.is_not(None)).label("is_suspended"),
        )
        .join(ApiKey, ApiKey.wallet_id == Wallet.id)
        .join(User, User.id == ApiKey.user_id)
        .where(Wallet.id == wallet_id, ApiKey.id == key_id)
        .with_for_update(of=Wallet)
    )


def _is_current(row: Any, call: Call) -> bool:
    """Say whether the grant still holds. A suspension counts by itself: whoever reads again is refused."""
    return not row.is_suspended and (row.wallet_ver, row.key_ver) == (
        call.caller.wallet_ver,
        call.caller.key_ver,
    )


def _funds(row: Any) -> Funds:
    return Funds(row.balance_n, row.credit_limit_n, row.leased_n, row.held_n)


def budgets_of(connection: Connection, call: Call) -> list[Budget]:
    """What limited subjects spent and hold in the call's period; nothing moves under the wallet's lock.

    The request id decides the period, as it decides the hour a charge is booked on: no two clocks differ.
    """
    at = created_at(call.request_id)
    return [
        _budget(connection, subject, subject.limit_n, now=at)
        for subject in call.caller.subjects
        if subject.limit_n is not None
    ]


def beside_leases(budgets: Sequence[Budget], funds: Funds) -> list[Budget]:
    """Budgets as if all that is leased of the wallet were spent on them: too strict, never too loose."""
    return [replace(budget, held_n=budget.held_n + funds.leased_n) for budget in budgets]


HELD_BY = {"key": Hold.key_id, "member": Hold.member_id, "team": Hold.team_id}


def _budget(connection: Connection, subject: Subject, limit_n: int, *, now: datetime) -> Budget:
    """The limit in the period `now` is in: what calls of that period spent, and what they hold."""
    start = datetime.combine(start_of(subject.period, now), time(), UTC)
    end = end_of(subject.period, now)
    spent = select(func.coalesce(func.sum(Spend.charge_n), 0)).where(
        Spend.subject_id == subject.id,
        Spend.scope == subject.scope[0],
        Spend.hour >= start,
        Spend.hour < end,
    )
    held = select(func.coalesce(func.sum(Hold.amount_n), 0)).where(
        HELD_BY[subject.scope] == subject.id,
        Hold.request_id >= first_id(start),
        Hold.request_id < first_id(end),
    )
    return Budget(
        scope=subject.scope,
        limit_n=limit_n,
        spent_n=int(connection.execute(spent).scalar_one()),
        held_n=int(connection.execute(held).scalar_one()),
        resets_at=end,
    )


def _earlier(connection: Connection, call: Call) -> Admitted | None:
    """The answer this request id got before, should the reply have been lost."""
    held = connection.execute(
        select(Hold.amount_n).where(Hold.request_id == call.request_id, Hold.wallet_id == call.wallet_id)
    ).scalar_one_or_none()
    return None if held is None else Admitted(held)


def _move_held(connection: Connection, wallet_id: UUID, by_n: int) -> None:
    connection.execute(update(Wallet).where(Wallet.id == wallet_id).values(held_n=Wallet.held_n + by_n))
