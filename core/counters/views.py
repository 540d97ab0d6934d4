"""What Redis says of a wallet's money: read in steps, merged into one view."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from core.charging.calls import FINAL, ORPHAN
from core.counters.keys import WalletKeys
from core.counters.requests import Request, script
from core.ids import hour_of

MOST = 500  # holds and events of a bucket that are looked through at once; others wait meanwhile
FIRST_ERROR = 400
RANKS = {"1": ORPHAN, "2": FINAL}


@dataclass(frozen=True, slots=True)
class Purse:
    """A wallet's pool in Redis, in nano-dollars. `seq` is the number of the lease it took up last."""

    seq: int = 0
    free_n: int = 0
    held_n: int = 0
    spent_n: int = 0
    granted_n: int = 0
    returned_n: int = 0


@dataclass(frozen=True, slots=True)
class Underway:
    """A settlement that Redis has and PostgreSQL may not have. `names`: whom it counts against."""

    request_id: UUID
    rank: int
    charge_n: int
    gen: str
    names: tuple[str, ...]
    quotas: tuple[str, ...] = ()
    tokens: int = 0
    points: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Back:
    """A total that Redis gave back of a pool, and PostgreSQL may not know."""

    total_n: int
    gen: str


@dataclass(slots=True)
class View:
    """A wallet as Redis has it in one generation."""

    wallet_id: UUID
    purse: Purse
    ms: int
    holds_n: int  # the sum of its calls' holds
    lost: int  # deadlines of calls that have no hold
    is_crowded: bool  # too many calls to look through: what they hold is not proved
    is_behind: bool  # too many events to look through: nothing is compared with PostgreSQL
    is_counting: bool  # counters are there
    odd: list[tuple[str, int, int]] = field(
        default_factory=list
    )  # counter, what it should hold, what it holds
    spent: dict[str, int] = field(default_factory=dict)
    bases: dict[str, int] = field(default_factory=dict)
    events: list[Underway | Back] = field(default_factory=list)
    is_still: bool = True  # nothing was settled, leased or returned while it was read

    @property
    def settlements(self) -> list[Underway]:
        return [event for event in self.events if isinstance(event, Underway)]

    def goes_on(self, other: "View") -> None:
        """Take in what a later step found."""
        if other is self:
            return
        self.odd += other.odd
        self.spent |= other.spent
        self.bases |= other.bases
        self.is_still = self.is_still and self.resembles(other)

    def resembles(self, other: "View") -> bool:
        """Say whether nothing that PostgreSQL is told of happened between two looks."""
        ours, theirs = self.purse, other.purse
        return (ours.seq, ours.spent_n, ours.granted_n, ours.returned_n) == (
            theirs.seq,
            theirs.spent_n,
            theirs.granted_n,
            theirs.returned_n,
        )


def look(keys: WalletKeys, *, gen: str, cursor: bytes = b"0") -> Request:
    """Look at a wallet; where it has many counters, at some of them, from `cursor` on."""
    bucket = keys.bucket
    places = (keys.pool, keys.counters, bucket.deadlines, bucket.generation, bucket.stream)
    holds = b"bl:{%b}:H:" % bucket.tag.encode()
    return Request(script("prove"), bucket, places, [gen.encode(), keys.id, holds, cursor, b"%d" % MOST])


def seen(wallet_id: UUID, reply: Any) -> tuple[View, bytes] | None:
    """Read prove.lua's answer: what it found, and where to go on (b"0": that is all).

    None: Redis is of another generation.
    """
    if reply[0] != b"OK":
        return None
    _, cursor, pool, (ms, held, lost, *flags), odd, spent, bases, events = reply
    view = View(
        wallet_id, Purse(*map(int, pool)), int(ms), int(held), int(lost), *(one == b"1" for one in flags)
    )
    names, expected, found = odd[::3], odd[1::3], odd[2::3]
    view.odd = [(name.decode(), int(e), int(f)) for name, e, f in zip(names, expected, found, strict=True)]
    view.spent, view.bases = _fields(spent), _fields(bases)
    for words in events:
        values = (word.decode("utf-8", "replace") for word in words)
        view.events += underway(dict(zip("krgaef", values, strict=True)))
    return view, cursor


def _fields(flat: Sequence[bytes]) -> dict[str, int]:
    return {name.decode(): int(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


def underway(fields: Mapping[str, str]) -> list[Underway | Back]:
    """Read an event that may not be booked. Nothing comes of one that no script of ours wrote."""
    amount, gen = fields.get("a", ""), fields.get("g", "")
    if not (amount.isascii() and amount.isdigit()):
        return []
    if fields.get("k") == "return":
        return [Back(int(amount), gen)]
    try:
        base = msgspec.json.decode(fields["e"], type=dict[str, Any])
        request_id, rank = UUID(fields["r"]), RANKS[fields["k"]]
        hour_of(request_id)
    except (KeyError, ValueError, OverflowError, msgspec.MsgspecError):
        return []
    quotas, used = tuple(base.get("quotas", ())), _used(fields.get("f", ""), rank, int(amount))
    return [Underway(request_id, rank, int(amount), gen, tuple(_names(base)), quotas, *used)]


def _used(final: str, rank: int, charge_n: int) -> tuple[int, int, int]:
    """Tokens, points and requests as they will be booked: none where it cost nothing and answered nobody."""
    try:
        if rank == ORPHAN:
            return (int(final.split("|")[1]), 0, 1) if charge_n > 0 else (0, 0, 0)
        facts = msgspec.json.decode(final, type=dict[str, Any])
        tokens = int(facts["input_tokens"]) + int(facts["output_tokens"])
        is_counted = charge_n > 0 or facts["status"] < FIRST_ERROR
        return (tokens, int(facts.get("points", 0)), 1) if is_counted else (0, 0, 0)
    except (KeyError, ValueError, IndexError, TypeError, msgspec.MsgspecError):
        return 0, 0, 0


def _names(base: Mapping[str, Any]) -> Iterable[str]:
    """The subjects of a call, as counters name them."""
    for scope in ("key", "member", "team"):
        if subject := base.get(f"{scope}_id"):
            yield f"{scope[0]}:{str(subject).replace('-', '')}"
