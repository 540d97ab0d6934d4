"""Generations of Redis: which one is trusted, who is done with the one before, which pools may close."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

GENERATION_LOCK = 0x626C6765  # any constant: one process at a time opens a generation
VACANT = ""  # the fingerprint of a time in which nobody has Redis: no generation is open
ALIVE_S = 10  # a proxy that was silent for longer is taken for dead
NEWS_S = 3  # so long is believed what a proxy said of Redis
# Once it is said that nobody has Redis, so long may who has it after all open the next generation at once.
# Then calls are admitted in PostgreSQL, and none opens before STAY_S, however often servers come and go.
OBJECTION_S, STAY_S = 3, 10
LATEST = text("SELECT gen, fingerprint, since_ms FROM generations ORDER BY gen DESC LIMIT 1")
OPEN = text(
    "INSERT INTO generations (fingerprint, since_ms, started_at) "
    "VALUES (:fingerprint, :since, clock_timestamp()) RETURNING gen, fingerprint, since_ms"
)
SEEN = text(
    """
    INSERT INTO proxy_boots AS b (boot_id, settled_gen, fingerprint) VALUES (:boot, :settled, :fingerprint)
    ON CONFLICT (boot_id) DO UPDATE SET
      last_seen_at = now(), settled_gen = greatest(b.settled_gen, :settled), fingerprint = :fingerprint
    """
)
NONE_OPEN = text(
    "SELECT coalesce((SELECT fingerprint FROM generations ORDER BY gen DESC LIMIT 1), :vacant) = :vacant"
)
OUTLOOK = text(
    """
    SELECT count(*) FILTER (WHERE last_seen_at > now() - make_interval(secs => :alive_s)) AS proxies,
           count(*) FILTER (WHERE fingerprint IS NOT NULL AND boot_id <> :boot
                              AND last_seen_at > now() - make_interval(secs => :news_s)) AS others,
           count(*) FILTER (WHERE fingerprint IS NOT NULL AND boot_id <> :boot) AS unaccounted,
           (SELECT extract(epoch FROM clock_timestamp() - started_at) FROM generations
            WHERE fingerprint = :vacant AND gen = (SELECT max(gen) FROM generations)) AS vacant_s
    FROM proxy_boots WHERE ended_at IS NULL
    """
)
STAYS = text(
    """
    SELECT EXISTS (
      SELECT FROM generations WHERE fingerprint = :vacant AND gen = (SELECT max(gen) FROM generations)
        AND clock_timestamp() - started_at BETWEEN :from_s * interval '1 s' AND :to_s * interval '1 s'
    )
    """
)
SIDES = text(
    """
    SELECT count(*) FILTER (WHERE fingerprint = :theirs) AS theirs,
           count(*) FILTER (WHERE fingerprint = :ours) AS ours,
           EXISTS (SELECT FROM generations WHERE fingerprint = :ours) AS is_known
    FROM proxy_boots WHERE ended_at IS NULL AND last_seen_at > now() - interval '3 seconds'
    """
)
# Old pools nothing can be posted to any more: every proxy that may have run their calls has settled them all,
# or the longest call they may have admitted is over. A proxy enters a generation by reading it while it says
# that it is there: one not seen since before a generation began has run nothing of it.
CLOSABLE = text(
    """
    SELECT wallet_id, array_agg(gen ORDER BY gen) AS gens FROM pools JOIN generations g USING (gen)
    WHERE state <> 'closed' AND gen < (SELECT max(gen) FROM generations) AND (
      NOT EXISTS (
        SELECT FROM proxy_boots
        WHERE ended_at IS NULL AND settled_gen <= gen AND last_seen_at > g.started_at - interval '1 minute'
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
    name: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.gen}:{self.since_ms}")  # frozen for everybody else


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
    """Open a generation. All pools there are become old: what they have left stays out until it is settled.

    Under `lock`, for as long as the transaction lasts.
    """
    return Life(*connection.execute(OPEN, {"fingerprint": fingerprint, "since": since_ms}).one())


def vacate(connection: Connection) -> None:
    """Say that nobody has Redis, unless that was said already. Who has it opens the next generation."""
    lock(connection)
    life = latest(connection)
    if life is None or life.fingerprint != VACANT:
        open_next(connection, fingerprint=VACANT, since_ms=0)


def none_is_open(connection: Connection) -> bool:
    """Say whether no generation is open. If so, none opens until this transaction ends."""
    lock_shared(connection)  # a statement of its own: what the next one sees is then what stays
    return bool(connection.execute(NONE_OPEN, {"vacant": VACANT}).scalar_one())


def vacancy_stays(connection: Connection) -> bool:
    """Say whether it is too late for an objection that somebody has Redis, and too early to change back."""
    values = {"vacant": VACANT, "from_s": OBJECTION_S, "to_s": STAY_S}
    return bool(connection.execute(STAYS, values).scalar_one())


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand for a proxy that cannot reach Redis."""

    proxies: int  # alive, this one among them
    others_have_redis: bool
    unaccounted: int  # others who had it when they were last heard of, however long ago
    vacant_s: float | None  # for how long nobody has had it; None: a generation is open


def outlook(connection: Connection, *, boot_id: UUID) -> Outlook:
    values = {"boot": boot_id, "vacant": VACANT, "alive_s": ALIVE_S, "news_s": NEWS_S}
    row = connection.execute(OUTLOOK, values).one()
    vacant_s = None if row.vacant_s is None else float(row.vacant_s)
    return Outlook(max(1, row.proxies), row.others > 0, row.unaccounted, vacant_s)


def is_held(connection: Connection, life: Life, *, against: str) -> bool:
    """Say whether a generation must go on although a proxy sees other servers: those with `against`.

    Proxies on both sides of a partition would else open one after the other, for ever. More of them decide;
    of as many, those who see servers that were never trusted before: the others look at what was left.
    """
    sides = connection.execute(SIDES, {"theirs": life.fingerprint, "ours": against}).one()
    return bool(sides.theirs > sides.ours or (sides.theirs == sides.ours and sides.is_known))


def seen(connection: Connection, *, boot_id: UUID, settled_gen: int, fingerprint: str | None = None) -> None:
    """A proxy's sign of life: it is connected to these servers, or works with them; None: it has no Redis. Of
    every generation before `settled_gen` nothing is left in it or its spool.
    """
    connection.execute(SEEN, {"boot": boot_id, "settled": settled_gen, "fingerprint": fingerprint})


def died(connection: Connection, boot_ids: Sequence[UUID]) -> None:
    """These boots are dead, whatever they said last: they admit nothing in Redis any more."""
    connection.execute(
        text("UPDATE proxy_boots SET fingerprint = NULL WHERE boot_id = ANY(:boots)"),
        {"boots": list(boot_ids)},
    )


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
