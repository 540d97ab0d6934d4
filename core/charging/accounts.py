"""What PostgreSQL says of wallets in one generation of Redis, to be compared with what Redis says."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    "SELECT request_id, rank, charge_n FROM usage_events WHERE request_id = ANY(:ids) AND day = ANY(:days)"
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


@dataclass(slots=True)
class Account:
    """A wallet's pool, its keys as counters name them, and its events that were set aside."""

    posted_n: int = 0
    returned_n: int = 0
    seq: int = 0
    leased_n: int = 0  # by the leases Redis has taken up
    keys: set[str] = field(default_factory=set)
    aside: list[Mapping[str, str]] = field(default_factory=list)


Spent = Mapping[tuple[str, int], int]  # by subject and day since 1970


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of some wallets, as of one moment."""

    of: Mapping[UUID, Account]
    booked: Mapping[UUID, tuple[int, int]]  # rank and charge, by request id
    spent: Spent  # in this generation
    before: Spent  # in those before it


@dataclass(frozen=True, slots=True)
class Asked:
    """What Redis knows, and PostgreSQL is asked about."""

    seqs: Mapping[UUID, int]  # the lease each wallet's pool took up last
    request_ids: Collection[UUID]
    subjects: Collection[UUID]
    since: datetime


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
    return Accounts(
        of=accounts,
        booked=_booked(connection, {*asked.request_ids, *_ids_of(aside)}),
        spent={(f"{row.scope}:{row.subject_id.hex}", row.day): row.now_n for row in spent},
        before={(f"{row.scope}:{row.subject_id.hex}", row.day): row.before_n for row in spent},
    )


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


def _booked(connection: Connection, request_ids: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    days = {day_of(request_id) for request_id in request_ids}
    rows = connection.execute(BOOKED, {"ids": list(request_ids), "days": list(days)})
    return {row.request_id: (row.rank, row.charge_n) for row in rows}
