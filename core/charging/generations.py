"""Generations of Redis: which one is trusted, who is done with the one before, which pools may close."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

GENERATION_LOCK = 0x626C6765  # any constant: one process at a time opens a generation
LATEST = text("SELECT gen, fingerprint, since_ms FROM generations ORDER BY gen DESC LIMIT 1")
OPEN = text(
    "INSERT INTO generations (fingerprint, since_ms) VALUES (:fingerprint, :since) "
    "RETURNING gen, fingerprint, since_ms"
)
SEEN = text(
    """
    INSERT INTO proxy_boots AS b (boot_id, settled_gen) VALUES (:boot, :settled)
    ON CONFLICT (boot_id) DO UPDATE SET last_seen_at = now(), settled_gen = greatest(b.settled_gen, :settled)
    """
)
# Pools nothing can be posted to any more: every proxy that may have run their calls has settled them all, or
# the longest call they may have admitted is over.
CLOSABLE = text(
    """
    SELECT wallet_id, array_agg(gen) AS gens FROM pools
    WHERE state = 'old' AND (
      NOT EXISTS (
        SELECT FROM proxy_boots WHERE ended_at IS NULL AND settled_gen <= pools.gen
      ) OR valid_until < now() - make_interval(secs => :longest_s)
    )
    GROUP BY wallet_id ORDER BY wallet_id LIMIT :n
    """
)


@dataclass(frozen=True, slots=True)
class Life:
    """A generation, and how scripts are told of it."""

    gen: int
    fingerprint: str
    since_ms: int

    @property
    def name(self) -> str:
        return f"{self.gen}:{self.since_ms}"


def number_of(name: str) -> int:
    """The generation in the name scripts know it by. Raises ValueError."""
    return int(name.partition(":")[0])


def latest(connection: Connection) -> Life | None:
    row = connection.execute(LATEST).one_or_none()
    return None if row is None else Life(*row)


def lock(connection: Connection) -> None:
    """Let nobody else open a generation until this transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": GENERATION_LOCK})


def lock_shared(connection: Connection) -> None:
    """Let nobody open a generation until this transaction ends; many may hold it off at a time.

    What is read by later statements is then still so when they are committed.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:n)"), {"n": GENERATION_LOCK})


def open_next(connection: Connection, *, fingerprint: str, since_ms: int) -> Life:
    """Open a generation. All pools become old: what they have left stays out until it is settled."""
    connection.execute(text("UPDATE pools SET state = 'old' WHERE state = 'active'"))
    return Life(*connection.execute(OPEN, {"fingerprint": fingerprint, "since": since_ms}).one())


def seen(connection: Connection, *, boot_id: UUID, settled_gen: int) -> None:
    """A proxy's sign of life; of every generation before `settled_gen` nothing is left in it or its spool."""
    connection.execute(SEEN, {"boot": boot_id, "settled": settled_gen})


def ended(connection: Connection, boot_ids: Sequence[UUID]) -> None:
    """These boots will settle nothing any more: they drained, or their spools were replayed."""
    connection.execute(
        text("UPDATE proxy_boots SET ended_at = now() WHERE boot_id = ANY(:boots) AND ended_at IS NULL"),
        {"boots": list(boot_ids)},
    )


def closable(connection: Connection, *, longest_call_s: int, limit: int) -> Sequence[tuple[UUID, list[int]]]:
    """Wallets with old pools that may be closed, and which."""
    rows = connection.execute(CLOSABLE, {"longest_s": longest_call_s + 60, "n": limit})
    return [(row.wallet_id, row.gens) for row in rows]
