"""The proof that the books are right: every sum worked out anew from the rows beneath it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
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
    union_all,
)

from core.charging.calls import REFUSED
from core.charging.statements import LINE, SUMMED
from core.models import Hold, Lease, LedgerEntry, Pool, Spend, UsageDaily, UsageEvent, Wallet
from core.models.usage import NOBODY

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
    line = [_named(UsageEvent.__table__.c[name]) for name in LINE]
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


def _named(column: Any) -> Any:
    """No team and no member have an id in daily sums, so that they can be part of its key."""
    return func.coalesce(column, NOBODY).label(column.name) if column.nullable else column


def _spends_are_usage() -> Select[*tuple[Any, ...]]:
    """By subject, day and generation; plans and sessions are counted with the keys that used them."""
    used, booked = _used_by_subject(), _booked_by_subject()
    names = ("n", "charge", "tokens")
    expected = [cast(func.coalesce(used.c[name], 0), BigInteger) for name in names]
    actual = [cast(func.coalesce(booked.c[name], 0), BigInteger) for name in names]
    return (
        select(func.coalesce(used.c.subject, booked.c.subject), *expected, *actual)
        .select_from(join(used, booked, used.c.subject == booked.c.subject, full=True))
        .where(or_(*(one != other for one, other in zip(expected, actual, strict=True))))
    )


def _used_by_subject() -> Any:
    counted = or_(UsageEvent.charge_n > 0, UsageEvent.status < 400)  # noqa: PLR2004
    usage = union_all(
        *(
            select(
                _place(literal(scope), column, UsageEvent.day, UsageEvent.gen).label("subject"),
                UsageEvent.charge_n,
                (UsageEvent.input_tokens + UsageEvent.output_tokens).label("tokens"),
            ).where(counted, column.is_not(None))
            for scope, column in (
                ("k", UsageEvent.key_id),
                ("m", UsageEvent.member_id),
                ("t", UsageEvent.team_id),
            )
        )
    ).subquery()
    sums = (func.sum(usage.c.charge_n).label("charge"), func.sum(usage.c.tokens).label("tokens"))
    counts = func.count().label("n")
    return select(usage.c.subject, counts, *sums).group_by(usage.c.subject).subquery()


def _booked_by_subject() -> Any:
    day = cast(func.timezone("UTC", Spend.hour), Date)
    place = _place(Spend.scope, Spend.subject_id, day, Spend.gen).label("subject")
    return (
        select(
            place,
            func.sum(Spend.requests).label("n"),
            func.sum(Spend.charge_n).label("charge"),
            func.sum(Spend.tokens).label("tokens"),
        )
        .where(Spend.scope.in_(["k", "m", "t"]))
        .group_by(place)
        .subquery()
    )


def _leased_is_pools() -> Select[Any, int, int]:
    """What is out with Redis: granted, and neither posted nor returned."""
    left = func.greatest(0, Pool.granted_n - Pool.posted_n - Pool.returned_n)
    pools = _sums(Pool.wallet_id, left, "total", Pool.state != "closed")
    expected = func.coalesce(pools.c.total, 0)
    return (
        select(Wallet.id, expected, Wallet.leased_n)
        .outerjoin(pools, pools.c.subject == Wallet.id)
        .where(expected != Wallet.leased_n)
    )


def _granted_is_leases() -> Select[Any, int, int]:
    leases = _sums(_place(Lease.wallet_id, Lease.gen), Lease.amount_n, "total")
    expected = func.coalesce(leases.c.total, 0)
    place = _place(Pool.wallet_id, Pool.gen)
    return (
        select(place, expected, Pool.granted_n)
        .outerjoin(leases, leases.c.subject == place)
        .where(expected != Pool.granted_n)
    )


def _posted_is_usage() -> Select[Any, int, int]:
    """To the pools that are open; what comes after one was closed is paid by the wallet."""
    usage = _sums(_place(UsageEvent.wallet_id, UsageEvent.gen), UsageEvent.charge_n, "total")
    expected = func.coalesce(usage.c.total, 0)
    place = _place(Pool.wallet_id, Pool.gen)
    return (
        select(place, expected, Pool.posted_n)
        .outerjoin(usage, usage.c.subject == place)
        .where(expected != Pool.posted_n, Pool.state != "closed")
    )


def _no_pool_is_overspent() -> Select[Any, int, int]:
    left = Pool.granted_n - Pool.posted_n - Pool.returned_n
    return select(_place(Pool.wallet_id, Pool.gen), literal(0, BigInteger), left).where(left < 0)


def _ended_calls_hold_nothing() -> Select[Any, int, int]:
    return select(Hold.request_id, literal(0, BigInteger), literal(1, BigInteger)).join(
        UsageEvent, and_(UsageEvent.request_id == Hold.request_id, UsageEvent.rank > REFUSED)
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
    "what limits count is the sum of the usage rows": _spends_are_usage,
    "what is leased is what the pools have left": _leased_is_pools,
    "what a pool was granted is the sum of its leases": _granted_is_leases,
    "what was posted to a pool is the sum of its usage rows": _posted_is_usage,
    "no pool is overspent": _no_pool_is_overspent,
    "no wallet is overspent": _never_negative,
}
