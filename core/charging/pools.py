"""Leasing a wallet's money to Redis, and taking back what is left when a generation is over.

A lease is pending money: no balance changes and no ledger row is written until calls are booked.
Lock order, everywhere: wallets by id, then their pools.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from core.charging.generations import GENERATION_LOCK
from core.money import NANOS_PER_USD

VALID_S = 120  # of a pool here; Redis stops using it REDIS_VALID_MS after it was told, always before
REDIS_VALID_MS = 90_000
RATE_S = 30  # a lease should last this long at the present rate of spending
HOLDS = 4  # and for this many calls like the one that asks
SHARE = 20  # else it is one part in so many of what is free
MAX_LEASE_N = 500 * NANOS_PER_USD

LOCK = text("SELECT FROM wallets WHERE id = :wallet FOR UPDATE")
# No generation is opened while a lease is under way, nor a lease made for one that is over: money leased to a
# generation behind its back would be missing in what the next one counts as outstanding.
LEASABLE = text(
    "SELECT pg_advisory_xact_lock_shared(:lock), balance_n + credit_limit_n - leased_n - held_n AS free_n "
    "FROM wallets WHERE id = :wallet FOR UPDATE"
)
LOCK_ALL = text("SELECT FROM wallets WHERE id = ANY(:wallets) ORDER BY id FOR UPDATE")
TOUCH = text(
    """
    INSERT INTO pools AS p (wallet_id, gen, granted_n, posted_n, returned_n, seq, state, valid_until)
    SELECT :wallet, :gen, 0, 0, 0, 0, 'active', now() + make_interval(secs => :valid_s)
    WHERE NOT EXISTS (SELECT FROM generations WHERE gen > :gen)
    ON CONFLICT (wallet_id, gen) DO UPDATE
      SET valid_until = greatest(p.valid_until, excluded.valid_until), used_at = now()
    RETURNING seq
    """
)
LAST = text(
    "SELECT amount_n, extract(epoch FROM now() - at) AS age_s FROM leases "
    "WHERE wallet_id = :wallet AND gen = :gen AND seq = :seq"
)
GRANT = text(
    """
    WITH lease AS (
      INSERT INTO leases (wallet_id, gen, seq, amount_n) VALUES (:wallet, :gen, :seq, :amount)
    ), pool AS (
      UPDATE pools SET granted_n = granted_n + :amount, seq = :seq WHERE wallet_id = :wallet AND gen = :gen
    )
    UPDATE wallets SET leased_n = leased_n + :amount WHERE id = :wallet
    """
)
SINCE = text(
    "SELECT seq, amount_n FROM leases WHERE wallet_id = :wallet AND gen = :gen AND seq > :seq ORDER BY seq"
)
# A pool somebody is at work on is passed over: waiting for it while holding others could be for each other.
RENEW = text(
    """
    WITH used AS (
      SELECT wallet_id FROM pools
      WHERE gen = :gen AND state = 'active' AND used_at > now() - make_interval(secs => :idle_s)
      FOR UPDATE SKIP LOCKED
    )
    UPDATE pools SET valid_until = now() + make_interval(secs => :valid_s)
    FROM used JOIN wallets ON wallets.id = used.wallet_id
    WHERE pools.wallet_id = used.wallet_id AND pools.gen = :gen
    RETURNING pools.wallet_id, wallets.bucket, pools.seq
    """
)
IDLE = text(
    """
    SELECT pools.wallet_id, wallets.bucket, pools.seq FROM pools JOIN wallets ON wallets.id = pools.wallet_id
    WHERE gen = :gen AND state = 'active' AND used_at <= now() - make_interval(secs => :idle_s)
      AND granted_n > posted_n + returned_n
    """
)
RETURNED = text(
    """
    WITH before AS (
      SELECT wallet_id, gen, granted_n - posted_n - returned_n AS left_n, returned_n FROM pools
      WHERE wallet_id = :wallet AND gen = :gen AND state <> 'closed' AND returned_n < :total
    ), pool AS (
      UPDATE pools SET returned_n = :total FROM before
      WHERE pools.wallet_id = before.wallet_id AND pools.gen = before.gen
    )
    UPDATE wallets SET leased_n = leased_n - (greatest(0, left_n) - greatest(0, left_n - :total + returned_n))
    FROM before WHERE wallets.id = before.wallet_id
    """
)
CLOSE = text(
    """
    WITH shut AS (
      UPDATE pools SET state = 'closed' WHERE wallet_id = :wallet AND state <> 'closed' AND gen = ANY(:gens)
      RETURNING greatest(0, granted_n - posted_n - returned_n) AS left_n
    )
    UPDATE wallets SET leased_n = leased_n - (SELECT coalesce(sum(left_n), 0) FROM shut) WHERE id = :wallet
    """
)


@dataclass(frozen=True, slots=True)
class Granted:
    """A pool's last lease: its number and its amount in nano-dollars, 0 where nothing was free."""

    seq: int
    amount_n: int


def grant(connection: Connection, *, wallet_id: UUID, gen: int, want_n: int) -> Granted | None:
    """Lease what a call of `want_n` and its like will need, as far as the wallet goes.

    Keeps the pool valid in any case. None when this generation is over.
    """
    where = {"wallet": wallet_id, "gen": gen}
    wallet = connection.execute(LEASABLE, {"wallet": wallet_id, "lock": GENERATION_LOCK}).one()
    pool = connection.execute(TOUCH, {**where, "valid_s": VALID_S}).one_or_none()
    if pool is None:
        return None
    last = connection.execute(LAST, {**where, "seq": pool.seq}).one_or_none()
    rate_n = 0 if last is None else int(last.amount_n * RATE_S / max(1, last.age_s))
    amount_n = lease_size(free_n=int(wallet.free_n), want_n=want_n, rate_n=rate_n)
    if amount_n == 0:
        return Granted(pool.seq, 0)
    connection.execute(GRANT, {**where, "seq": pool.seq + 1, "amount": amount_n})
    return Granted(pool.seq + 1, amount_n)


def lease_size(*, free_n: int, want_n: int, rate_n: int) -> int:
    """How much to lease. Near the end of the money it is all of it, so that the last cent can be spent."""
    return max(0, min(free_n, MAX_LEASE_N, max(HOLDS * want_n, rate_n, free_n // SHARE, 1)))


def leases_since(connection: Connection, *, wallet_id: UUID, gen: int, seq: int) -> Sequence[Granted]:
    """The leases Redis has not taken up yet, in their order."""
    rows = connection.execute(SINCE, {"wallet": wallet_id, "gen": gen, "seq": seq})
    return [Granted(row.seq, row.amount_n) for row in rows]


@dataclass(frozen=True, slots=True)
class PoolAt:
    """A pool, and in which bucket it is."""

    wallet_id: UUID
    bucket: int
    seq: int


def renew(connection: Connection, *, gen: int, idle_s: int) -> Sequence[PoolAt]:
    """Keep the pools that were used lately valid. Redis is told after this is committed, never before."""
    rows = connection.execute(RENEW, {"gen": gen, "valid_s": VALID_S, "idle_s": idle_s})
    return [PoolAt(row.wallet_id, row.bucket, row.seq) for row in rows]


def idle(connection: Connection, *, gen: int, idle_s: int) -> Sequence[PoolAt]:
    """Pools with money that nobody has used for a while."""
    rows = connection.execute(IDLE, {"gen": gen, "idle_s": idle_s})
    return [PoolAt(row.wallet_id, row.bucket, row.seq) for row in rows]


def lock(connection: Connection, wallet_ids: Collection[UUID]) -> None:
    """Lock wallets in the order of their ids, so that nobody who does the same waits for us in turn."""
    connection.execute(LOCK_ALL, {"wallets": list(wallet_ids)})


def take_back(connection: Connection, *, wallet_id: UUID, gen: int, total_n: int) -> None:
    """Book what Redis returned of a pool, all in all: repeating or reordering it changes nothing."""
    connection.execute(LOCK, {"wallet": wallet_id})
    connection.execute(RETURNED, {"wallet": wallet_id, "gen": gen, "total": total_n})


def close(connection: Connection, *, wallet_id: UUID, gens: Sequence[int]) -> None:
    """Give what is left of old pools back to their wallet: nothing can be posted to them any more."""
    connection.execute(LOCK, {"wallet": wallet_id})
    connection.execute(CLOSE, {"wallet": wallet_id, "gens": list(gens)})
