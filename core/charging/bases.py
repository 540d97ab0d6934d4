"""What Redis must know before it counts: what earlier generations spent, and what was spent lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.charging.calls import Caller
from core.rules.periods import span_of
from core.rules.scopes import Fuse, Quota, Subject

BOUND_MS = 2000  # how long a bound is good for; then it is worked out anew

VERSIONS = text(
    "SELECT w.ver AS wallet, coalesce((SELECT ver FROM api_keys WHERE id = :key), 0) AS key "
    "FROM wallets w WHERE w.id = :wallet"
)
# What calls that run may still be charged: of earlier generations, and of PostgreSQL's own.
OUTSTANDING = text(
    "SELECT held_n + (SELECT coalesce(sum(greatest(0, granted_n - posted_n - returned_n)), 0) FROM pools "
    "WHERE wallet_id = wallets.id AND gen < :gen AND state <> 'closed') FROM wallets WHERE id = :wallet"
)
SPENT = text(
    "SELECT coalesce(sum(charge_n), 0) AS usd, coalesce(sum(tokens), 0) AS tokens, "
    "coalesce(sum(points), 0) AS points, coalesce(sum(requests), 0) AS requests FROM spends "
    "WHERE subject_id = :id AND scope = :scope AND gen < :gen AND hour < :end "
    "AND hour >= date_trunc('hour', CAST(:start AS timestamptz))"  # a session may begin within one
)
LATELY = """
    SELECT (extract(epoch FROM date_trunc(:unit, ended_at)) * 1000)::bigint AS ms,
           sum(upstream_n)::bigint AS upstream_n
    FROM usage_events
    WHERE ended_at > now() - make_interval(secs => :seconds) AND day >= current_date - 1 AND upstream_n > 0
      {whose}
    GROUP BY 1
"""
WHOSE = {"member": "member_id", "team": "team_id"}


@dataclass(frozen=True, slots=True)
class Window:
    """What a scope spent upstream lately, by the second and by the minute: (Unix ms, nano-dollars)."""

    name: str
    seconds: Sequence[tuple[int, int]] = ()
    minutes: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Bases:
    """What earlier generations counted. Exact, or, when `holds_ms` is above 0, a bound for so long:
    calls of an earlier generation may still be running.
    """

    subjects: Sequence[tuple[Subject, int]]
    quotas: Sequence[tuple[Quota, int]]
    windows: Sequence[Window]
    now_ms: int  # the moment that decided the periods
    wallet_ver: int  # as they are now, whatever the caller was read at: Redis may have lost that they grew
    key_ver: int
    holds_ms: int = 0


def bases_of(connection: Connection, caller: Caller, *, gen: int, now_ms: int) -> Bases:
    """All that a caller's next call is checked against."""
    values = {"wallet": caller.wallet_id, "gen": gen}
    outstanding_n = int(connection.execute(OUTSTANDING, values).scalar_one())
    subjects = [
        (subject, _spent(connection, subject, gen=gen, now_ms=now_ms) + outstanding_n)
        for subject in caller.subjects
        if subject.limit_n is not None
    ]
    quotas = [(quota, _used(connection, quota, gen, outstanding_n)) for quota in caller.quotas]
    windows = [_window(connection, caller.wallet_id, fuse) for fuse in caller.fuses]
    versions = connection.execute(VERSIONS, {"wallet": caller.wallet_id, "key": caller.key_id}).one()
    holds_ms = BOUND_MS if outstanding_n else 0
    return Bases(subjects, quotas, windows, now_ms, versions.wallet, versions.key, holds_ms)


def _spent(connection: Connection, subject: Subject, *, gen: int, now_ms: int) -> int:
    span = span_of(subject.period, now_ms)
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (span.start_ms, span.end_ms))
    return int(_sums(connection, subject.id, subject.scope[0], gen, (start, end)).usd)


def _used(connection: Connection, quota: Quota, gen: int, outstanding_n: int) -> int:
    sums = _sums(connection, quota.id, quota.subject[0], gen, (quota.start_at, quota.end_at))
    used = int(getattr(sums, quota.unit))
    if not outstanding_n:
        return used
    # What runs on may use all that is left of tokens, points or requests: how much, nobody knows yet.
    return used + outstanding_n if quota.unit == "usd" else max(used, quota.limit)


def _sums(
    connection: Connection, subject_id: UUID, scope: str, gen: int, bounds: tuple[datetime, datetime]
) -> Any:
    values = {"id": subject_id, "scope": scope, "gen": gen, "start": bounds[0], "end": bounds[1]}
    return connection.execute(SPENT, values).one()


def _window(connection: Connection, wallet_id: UUID, fuse: Fuse) -> Window:
    whose, values = "AND wallet_id = :wallet", {"wallet": wallet_id}
    if fuse.scope in WHOSE:
        whose, values = whose + f" AND {WHOSE[fuse.scope]} = :id", {**values, "id": fuse.id}
    return _lately(connection, fuse.name, whose, values)


def everything_lately(connection: Connection) -> Window:
    """What all wallets together spent upstream in the last hour."""
    return _lately(connection, "g", "", {})


def _lately(connection: Connection, name: str, whose: str, values: dict[str, Any]) -> Window:
    statement = text(LATELY.format(whose=whose))
    parts = []
    for unit, seconds in (("second", 60), ("minute", 3600)):
        rows = connection.execute(statement, {**values, "unit": unit, "seconds": seconds})
        parts.append([(row.ms, row.upstream_n) for row in rows])
    return Window(name, *parts)
