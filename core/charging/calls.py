"""The nouns of charging: a call, how it is admitted, how it ended."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from core.rules.admission import Deny, Want
from core.rules.prices import Cost, Usage

FINAL, ORPHAN = 2, 1  # ranks of usage rows: a final replaces an orphan, nothing replaces a final


@dataclass(frozen=True, slots=True)
class Call:
    """A model call asking to be admitted. `key_ver` and `wallet_ver` are what its grant was read at."""

    request_id: UUID
    wallet_id: UUID
    user_id: UUID
    key_id: UUID
    key_ver: int
    wallet_ver: int
    model_id: str
    price_card_id: UUID
    stream: bool
    app_name: str
    app_url: str
    want: Want
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call may run; `hold_n` nano-dollars are its own until it settles."""

    hold_n: int


@dataclass(frozen=True, slots=True)
class Stale:
    """The grant was read before something about its key or wallet changed: read it again."""


Verdict = Admitted | Deny | Stale


@dataclass(frozen=True, slots=True)
class Ending:
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
    price_card_id: UUID | None = None  # of the offer that served it, where that is known


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement came to. `charge_n` is what the wallet paid for this call, all in all."""

    outcome: Literal["settled", "adjusted", "already", "unknown"]
    charge_n: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running call has produced so far: tokens, and their price in nano-dollars."""

    request_id: UUID
    output_tokens: int = 0
    cost: Cost = field(default_factory=Cost)


def event_row(call: Call) -> dict[str, Any]:
    """What is known of a call's usage row when it is admitted, as JSON: kept with its hold."""
    return {
        "user_id": str(call.user_id),
        "model_id": call.model_id,
        "price_card_id": str(call.price_card_id),
        "stream": call.stream,
        "app_name": call.app_name,
        "app_url": call.app_url,
    }
