"""The proof that the books are right: every sum worked out anew from the rows beneath it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Select, cast, func, literal, or_, select, text

from core.models import Hold, LedgerEntry, UsageDaily, UsageEvent, Wallet

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
        for subject, expected, actual in connection.execute(statement()):
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
    usage = _sums(UsageEvent.wallet_id, UsageEvent.charge_n, "total")
    ledger = _sums(LedgerEntry.wallet_id, -LedgerEntry.amount_n, "total", LedgerEntry.kind != "grant")
    expected, actual = func.coalesce(usage.c.total, 0), func.coalesce(ledger.c.total, 0)
    return (
        select(func.coalesce(usage.c.subject, ledger.c.subject), expected, actual)
        .select_from(usage.join(ledger, usage.c.subject == ledger.c.subject, full=True))
        .where(expected != actual)
    )


def _daily_is_usage() -> Select[Any, int, int]:
    counted = or_(UsageEvent.charge_n > 0, UsageEvent.status < 400)  # noqa: PLR2004
    place = func.concat(UsageEvent.wallet_id, " ", UsageEvent.day, " ", UsageEvent.model_id)
    rows = _sums(
        place, UsageEvent.charge_n + UsageEvent.input_tokens + UsageEvent.output_tokens, "total", counted
    )
    place = func.concat(UsageDaily.wallet_id, " ", UsageDaily.day, " ", UsageDaily.model_id)
    daily = _sums(place, UsageDaily.charge_n + UsageDaily.input_tokens + UsageDaily.output_tokens, "total")
    expected, actual = func.coalesce(rows.c.total, 0), func.coalesce(daily.c.total, 0)
    return (
        select(func.coalesce(rows.c.subject, daily.c.subject), expected, actual)
        .select_from(rows.join(daily, rows.c.subject == daily.c.subject, full=True))
        .where(expected != actual)
    )


def _never_negative() -> Select[Any, int, int]:
    """A balance below what its credit limit allows was overspent."""
    room = Wallet.balance_n + Wallet.credit_limit_n
    return select(Wallet.id, literal(0, BigInteger), room).where(room < 0)


CHECKS = {
    "the balance is the sum of the ledger": _balance_is_ledger,
    "what is held is the sum of the holds": _held_is_holds,
    "what the ledger took is what usage rows were charged": _ledger_is_usage,
    "the daily sums are the sums of the usage rows": _daily_is_usage,
    "no wallet is overspent": _never_negative,
}
