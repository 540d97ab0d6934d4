"""The proof that the books are right: every sum worked out anew from the rows beneath it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Select,
    and_,
    cast,
    func,
    join,
    literal,
    or_,
    select,
    text,
)

from core.charging.settlement import SUMMED
from core.models import Hold, LedgerEntry, UsageDaily, UsageEvent, Wallet

LINE = ("wallet_id", "day", "key_id", "model_id", "app_name")  # what tells one daily sum from another
PROOF_TIMEOUT_S = 600  # it adds up whole tables: longer than any other statement may take


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sums that should be one. `subject` is the wallet (or day) they are of; amounts are nano-dollars."""

    check: str
    subject: str
    expected: int
    found: int


def prove(engine: Engine) -> list[Difference]:
    """Prove every sum as of one moment, while calls go on being charged."""
    as_of_now = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with as_of_now.connect() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = '{PROOF_TIMEOUT_S}s'"))
        return differences(connection)


def differences(connection: Connection) -> list[Difference]:
    """Prove every sum, in one consistent view. An empty list is the good news.

    The connection must be in a REPEATABLE READ transaction, or calls that settle meanwhile look like errors.
    """
    found = []
    for check, statement in CHECKS.items():
        for subject, *sums in connection.execute(statement()):
            half = len(sums) // 2
            for expected, actual in zip(sums[:half], sums[half:], strict=True):
                if expected != actual:
                    found.append(Difference(check, str(subject), int(expected), int(actual)))
    return found


def _sums(column: Any, total: Any, name: str, *where: Any) -> Any:
    return (
        select(column.label("subject"), cast(func.sum(total), BigInteger).label(name))
        .where(*where)
        .group_by(column)
        .subquery()
    )


def _balance_is_ledger() -> Select[Any, int, int]:
    ledger = _sums(LedgerEntry.wallet_id, LedgerEntry.amount_n, "total")
    expected = func.coalesce(ledger.c.total, 0)
    return (
        select(Wallet.id, expected, Wallet.balance_n)
        .outerjoin(ledger, ledger.c.subject == Wallet.id)
        .where(expected != Wallet.balance_n)
    )


def _held_is_holds() -> Select[Any, int, int]:
    holds = _sums(Hold.wallet_id, Hold.amount_n, "total")
    expected = func.coalesce(holds.c.total, 0)
    return (
        select(Wallet.id, expected, Wallet.held_n)
        .outerjoin(holds, holds.c.subject == Wallet.id)
        .where(expected != Wallet.held_n)
    )


def _ledger_is_usage() -> Select[Any, int, int]:
    """Call by call: two errors that cancel out are two errors."""
    usage = _sums(_place(UsageEvent.wallet_id, UsageEvent.request_id), UsageEvent.charge_n, "total")
    place = _place(LedgerEntry.wallet_id, LedgerEntry.ref)
    ledger = _sums(place, -LedgerEntry.amount_n, "total", LedgerEntry.kind != "grant")
    expected, actual = func.coalesce(usage.c.total, 0), func.coalesce(ledger.c.total, 0)
    return (
        select(func.coalesce(usage.c.subject, ledger.c.subject), expected, actual)
        .select_from(usage.join(ledger, usage.c.subject == ledger.c.subject, full=True))
        .where(expected != actual)
    )


def _daily_is_usage() -> Select[*tuple[Any, ...]]:
    """Every number of every line: key limits, budgets and pages are read from them."""
    counted = or_(UsageEvent.charge_n > 0, UsageEvent.status < 400)  # noqa: PLR2004
    numbers = [cast(func.sum(UsageEvent.__table__.c[name]), BigInteger).label(name) for name in SUMMED]
    line = [UsageEvent.__table__.c[name] for name in LINE]
    rows = (
        select(*line, func.count().label("requests"), *numbers).where(counted).group_by(*line).subquery()
    ).c
    daily = UsageDaily.__table__
    names = ("requests", *SUMMED)
    expected = [func.coalesce(rows[name], 0) for name in names]
    actual = [func.coalesce(daily.c[name], 0) for name in names]
    same_line = and_(*(rows[name] == daily.c[name] for name in LINE))
    place = _place(*(func.coalesce(rows[name], daily.c[name]) for name in LINE))
    return (
        select(place, *expected, *actual)
        .select_from(join(rows[LINE[0]].table, daily, same_line, full=True))
        .where(or_(*(one != other for one, other in zip(expected, actual, strict=True))))
    )


def _ended_calls_hold_nothing() -> Select[Any, int, int]:
    return select(Hold.request_id, literal(0, BigInteger), literal(1, BigInteger)).join(
        UsageEvent, UsageEvent.request_id == Hold.request_id
    )


def _place(*columns: Any) -> Any:
    return func.concat_ws(" ", *columns)


def _never_negative() -> Select[Any, int, int]:
    """A balance below what its credit limit allows was overspent."""
    room = Wallet.balance_n + Wallet.credit_limit_n
    return select(Wallet.id, literal(0, BigInteger), room).where(room < 0)


CHECKS = {
    "the balance is the sum of the ledger": _balance_is_ledger,
    "what is held is the sum of the holds": _held_is_holds,
    "what the ledger took for a call is what it was charged": _ledger_is_usage,
    "a call that ended holds nothing": _ended_calls_hold_nothing,
    "the daily sums are the sums of the usage rows": _daily_is_usage,
    "no wallet is overspent": _never_negative,
}
