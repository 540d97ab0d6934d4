"""The nouns of charging: who calls, a call, how it is admitted, how it ended."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

import msgspec

from core.money import Nanos
from core.rules.admission import Deny, Want
from core.rules.prices import Cost, Usage
from core.rules.rates import Rate
from core.rules.scopes import Fuse, Quota, Subject

# Ranks of usage rows: a final replaces an orphan, an orphan a refusal, nothing a final.
FINAL, ORPHAN, REFUSED = 2, 1, 0


@dataclass(frozen=True, slots=True)
class Caller:
    """All that decides about a credential's calls, as it was read at these versions."""

    key_id: UUID
    key_ver: int
    wallet_id: UUID
    wallet_ver: int
    bucket: int
    user_id: UUID
    team_id: UUID | None = None
    member_id: UUID | None = None
    subjects: tuple[Subject, ...] = ()  # in the order they are asked
    quotas: tuple[Quota, ...] = ()
    fuses: tuple[Fuse, ...] = ()
    rpm: int = 0  # calls a minute; 0: not limited
    rpm_owner: UUID | None = None
    at_once: int = 0  # calls running at the same time; 0: not limited
    # Worked out once, for many calls: its part of usage rows, and of what scripts are told, by day.
    facts: dict[str, Any] = field(init=False, compare=False, repr=False)
    standing: dict[int, Any] = field(init=False, compare=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        facts = {
            "key_id": str(self.key_id),
            "user_id": str(self.user_id),
            "team_id": str(self.team_id) if self.team_id else None,
            "member_id": str(self.member_id) if self.member_id else None,
            "quotas": sorted({quota.subject for quota in self.quotas}),
        }
        object.__setattr__(self, "facts", facts)  # frozen for everybody else


class Call(msgspec.Struct, frozen=True, dict=True):
    """A model call asking to be admitted."""

    request_id: UUID
    caller: Caller
    model_id: str
    price_card_id: str
    stream: bool
    app_name: str
    app_url: str
    want: Want
    started_at: datetime
    tokens: int = 0  # its worst case, for quotas
    points: int = 0

    @cached_property
    def base(self) -> bytes:
        """Its `base_facts` as JSON, worked out once: they are told when it begins and when it ends."""
        return msgspec.json.encode(base_facts(self))

    @property
    def made_ms(self) -> int:
        """When the request id was made (Unix milliseconds): it decides the day of the call."""
        return self.request_id.int >> 80

    @property
    def wallet_id(self) -> UUID:
        return self.caller.wallet_id

    @property
    def key_id(self) -> UUID:
        return self.caller.key_id


class Admitted(msgspec.Struct, frozen=True):
    """The call may run; `hold_n` nano-dollars are its own until it settles."""

    hold_n: int
    rate: Rate | None = None
    gen: str = ""  # of Redis, where the hold is kept there


@dataclass(frozen=True, slots=True)
class Stale:
    """The grant was read before something about its key or wallet changed: read it again."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A generation of Redis is open: that is where calls are admitted."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """It does not fit beside what calls admitted in Redis may be charged, and may once that is known."""


@dataclass(frozen=True, slots=True)
class TooFast:
    """More calls than a minute, or than at the same time, allows."""

    limit: int
    retry_ms: int
    rate: Rate | None = None
    at_once: bool = False
    whose: Literal["key", "account"] = "key"


@dataclass(frozen=True, slots=True)
class Tripped:
    """A circuit breaker is open: the upstream cost of its window has reached its threshold."""

    scope: Literal["member", "team", "org", "global"]
    window: Literal["minute", "hour"]
    retry_ms: int
    spent_n: int = 0
    limit_n: int = 0
    subject_id: UUID | None = None
    rate: Rate | None = None
    is_shadow: bool = False  # it would have been refused


Verdict = Admitted | Deny | TooFast | Tripped | Stale


class Ending(msgspec.Struct, frozen=True):
    """How a call ended: what it used, what that costs, what the client saw."""

    provider: str
    usage: Usage
    cost: Cost
    status: int
    reason: str
    finish_reason: str | None = None
    estimated: bool = False
    disputed: bool = False
    duration_ms: int = 0
    first_byte_ms: int | None = None
    price_card_id: str | None = None  # of the offer that served it, where that is known
    file_parser_n: int = 0  # the part of its upstream cost that went into reading its files
    model_id: str | None = None  # the same: of several a call may name, the one that served it

    def is_counted(self) -> bool:
        """Say whether the call is part of sums and quotas: it was answered, or it cost something."""
        return self.cost.charge_n > 0 or self.status < 400  # noqa: PLR2004


class Settled(msgspec.Struct, frozen=True):
    """What a settlement came to. `charge_n` is what the wallet paid for this call, all in all."""

    outcome: Literal["settled", "adjusted", "already", "unknown"]
    charge_n: int


class Progress(msgspec.Struct, frozen=True):
    """What a running call has produced so far: tokens, and their price in nano-dollars."""

    request_id: UUID
    output_tokens: int = 0
    cost: Cost = Cost()


@dataclass(frozen=True, slots=True)
class Entry:
    """One settlement to book. Its charge is absolute; `facts` are the other columns of its usage row."""

    request_id: UUID
    wallet_id: UUID
    rank: int
    charge_n: int
    facts: dict[str, Any]
    gen: int = 0  # of the pool that pays; 0: the wallet itself
    points: int = 0


def base_facts(call: Call) -> dict[str, Any]:
    """What is known of a call's usage row when it is admitted, as JSON: kept with its hold. Never content."""
    return {
        **call.caller.facts,
        "model_id": call.model_id,
        "price_card_id": str(call.price_card_id),
        "stream": call.stream,
        "app_name": call.app_name,
        "app_url": call.app_url,
    }


def final_facts(ending: Ending) -> dict[str, Any]:
    """What a usage row says of how the call ended, as JSON."""
    usage = ending.usage
    facts = {
        "provider": ending.provider,
        "status": ending.status,
        "reason": ending.reason,
        "finish_reason": ending.finish_reason,
        "estimated": ending.estimated,
        "disputed": ending.disputed,
        "duration_ms": ending.duration_ms,
        "first_byte_ms": ending.first_byte_ms,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "upstream_n": ending.cost.upstream_n,
    }
    if ending.price_card_id is not None:  # else the one of the admission stands
        facts["price_card_id"] = str(ending.price_card_id)
    if ending.model_id is not None:
        facts["model_id"] = ending.model_id
    return facts


def orphan_facts(*, upstream_n: int, output_tokens: int, duration_ms: int) -> dict[str, Any]:
    """The same for a call whose proxy died: what it was last known to have produced."""
    ending = Ending(
        provider="",
        usage=Usage(output_tokens=output_tokens),
        cost=Cost(upstream_n=Nanos(upstream_n)),
        status=500,
        reason="orphaned",
        estimated=True,
        duration_ms=duration_ms,
    )
    return final_facts(ending)
