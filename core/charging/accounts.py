"""What PostgreSQL says of wallets in one generation of Redis, to be compared with what Redis says."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from core.ids import day_of

OPEN = text(
    """
    SELECT pools.wallet_id, wallets.bucket FROM pools JOIN wallets ON wallets.id = pools.wallet_id
    WHERE gen = :gen AND state <> 'closed' AND granted_n > 0
      AND (:within_s = 0 OR used_at > now() - make_interval(secs => :within_s) OR wallet_id = ANY(:also))
    ORDER BY (wallet_id = ANY(:also)) DESC, random() LIMIT :n
    """
)
POOLS = text(
    """
    SELECT p.wallet_id, p.posted_n, p.returned_n, p.seq,
           (SELECT coalesce(sum(amount_n), 0) FROM leases l
            WHERE l.wallet_id = p.wallet_id AND l.gen = p.gen AND l.seq <= r.seq) AS leased_n
    FROM pools p
    JOIN unnest(CAST(:wallets AS uuid[]), CAST(:seqs AS bigint[])) AS r(wallet_id, seq) USING (wallet_id)
    WHERE p.gen = :gen
    """
)
BOOKED = text(
    """
    SELECT request_id, rank, charge_n, counts * (input_tokens + output_tokens) AS tokens, counts AS requests
    FROM usage_events, CAST(rank > 0 AND (charge_n > 0 OR status < 400) AS int) AS counts
    WHERE request_id = ANY(:ids) AND day = ANY(:days)
    """
)
ASIDE = text(
    "SELECT fields->>'w' AS wallet, fields FROM quarantined_events WHERE fields->>'w' = ANY(:wallets)"
)
KEYS = text("SELECT wallet_id, id FROM api_keys WHERE wallet_id = ANY(:wallets)")
SPENT = text(
    """
    SELECT scope, subject_id, (hour AT TIME ZONE 'UTC')::date - DATE '1970-01-01' AS day,
           coalesce(sum(charge_n) FILTER (WHERE gen = :gen), 0)::bigint AS now_n,
           coalesce(sum(charge_n) FILTER (WHERE gen < :gen), 0)::bigint AS before_n
    FROM spends WHERE subject_id = ANY(:subjects) AND hour >= :since
    GROUP BY 1, 2, 3
    """
)
USED = text(
    """
    SELECT w.nth, gen = :gen AS is_now, sum(charge_n)::bigint, sum(tokens)::bigint, sum(points)::bigint,
           sum(requests)::bigint
    FROM unnest(
      CAST(:scopes AS text[]), CAST(:ids AS uuid[]), CAST(:starts AS bigint[]), CAST(:ends AS bigint[])
    ) WITH ORDINALITY AS w(scope, id, start_ms, end_ms, nth)
    JOIN spends s ON s.scope = w.scope AND s.subject_id = w.id AND gen <= :gen
      AND hour >= date_trunc('hour', to_timestamp(start_ms / 1000)) AND hour < to_timestamp(end_ms / 1000)
    GROUP BY 1, 2
    """
)


@dataclass(slots=True)
class Account:
    """A wallet's pool, its keys as counters name them, and its events that were set aside."""

    posted_n: int = 0
    returned_n: int = 0
    seq: int = 0
    leased_n: int = 0  # by the leases Redis has taken up
    keys: set[str] = field(default_factory=set)
    aside: list[Mapping[str, str]] = field(default_factory=list)


class Booked(NamedTuple):
    """What is booked of a call, as far as it is part of sums."""

    rank: int = 0
    charge_n: int = 0
    tokens: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when a quota counts: whole hours, or it is the only one of its subject."""

    scope: str  # p(lan) or e(ducation session)
    id: UUID
    start_ms: int
    end_ms: int


Spent = Mapping[tuple[str, int], int]  # by subject and day since 1970
Used = Mapping[Window, tuple[int, ...]]  # nano-dollars, tokens, points and requests


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of some wallets, as of one moment."""

    of: Mapping[UUID, Account]
    booked: Mapping[UUID, Booked]  # by request id
    spent: Spent  # in this generation
    before: Spent  # in those before it
    used: Used = field(default_factory=dict)
    used_before: Used = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What Redis knows, and PostgreSQL is asked about."""

    seqs: Mapping[UUID, int]  # the lease each wallet's pool took up last
    request_ids: Collection[UUID]
    subjects: Collection[UUID]
    since: datetime
    windows: Collection[Window] = ()


def open_pools(
    connection: Connection, *, gen: int, within_s: int, limit: int, also: Collection[UUID] = ()
) -> list[tuple[UUID, int]]:
    """Wallets with a pool that was used within so many seconds (0: ever), and their buckets; `also` first."""
    values = {"gen": gen, "within_s": within_s, "n": limit, "also": list(also)}
    rows = connection.execute(OPEN, values)
    return [(row.wallet_id, row.bucket) for row in rows]


def accounts_of(connection: Connection, asked: Asked, *, gen: int) -> Accounts:
    """Read accounts, in a transaction that sees one moment."""
    accounts = _accounts(connection, asked.seqs, gen)
    aside = [fields for account in accounts.values() for fields in account.aside]
    keys = {UUID(name[2:]) for account in accounts.values() for name in account.keys}
    values = {"subjects": [*keys, *asked.subjects], "gen": gen, "since": asked.since}
    spent = connection.execute(SPENT, values).all()
    used, used_before = _used(connection, list(asked.windows), gen)
    return Accounts(
        of=accounts,
        booked=_booked(connection, {*asked.request_ids, *_ids_of(aside)}),
        spent={(f"{row.scope}:{row.subject_id.hex}", row.day): row.now_n for row in spent},
        before={(f"{row.scope}:{row.subject_id.hex}", row.day): row.before_n for row in spent},
        used=used,
        used_before=used_before,
    )


def _used(connection: Connection, windows: Sequence[Window], gen: int) -> tuple[Used, Used]:
    """What quotas used in this generation, and in those before it."""
    columns = {
        "scopes": [one.scope for one in windows],
        "ids": [one.id for one in windows],
        "starts": [one.start_ms for one in windows],
        "ends": [one.end_ms for one in windows],
    }
    used: tuple[dict[Window, tuple[int, ...]], dict[Window, tuple[int, ...]]] = ({}, {})
    for nth, is_now, *sums in connection.execute(USED, {**columns, "gen": gen}) if windows else ():
        used[0 if is_now else 1][windows[nth - 1]] = tuple(sums)
    return used


def _accounts(connection: Connection, seqs: Mapping[UUID, int], gen: int) -> dict[UUID, Account]:
    accounts = {wallet_id: Account() for wallet_id in seqs}
    values = {"wallets": list(seqs), "seqs": list(seqs.values()), "gen": gen}
    for row in connection.execute(POOLS, values):
        account = accounts[row.wallet_id]
        account.posted_n, account.returned_n, account.seq = row.posted_n, row.returned_n, row.seq
        account.leased_n = int(row.leased_n)
    for row in connection.execute(KEYS, {"wallets": list(seqs)}):
        accounts[row.wallet_id].keys.add(f"k:{row.id.hex}")
    for row in connection.execute(ASIDE, {"wallets": [wallet_id.hex for wallet_id in seqs]}):
        accounts[UUID(row.wallet)].aside.append(row.fields)
    return accounts


def _ids_of(events: Iterable[Mapping[str, str]]) -> Iterator[UUID]:
    """The request ids of events that have one that can be."""
    for fields in events:
        try:
            request_id = UUID(fields.get("r", ""))
            day_of(request_id)
        except (ValueError, OverflowError):
            continue
        yield request_id


def _booked(connection: Connection, request_ids: Collection[UUID]) -> dict[UUID, Booked]:
    days = {day_of(request_id) for request_id in request_ids}
    rows = connection.execute(BOOKED, {"ids": list(request_ids), "days": list(days)})
    return {request_id: Booked(*booked) for request_id, *booked in rows}
