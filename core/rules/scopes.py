"""What a call counts against: subjects with a spend limit or budget, quotas, circuit breakers.

Values only. A name is what the counters in Redis are kept under; it must not change while they live.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from core.rules.periods import Period

Unit = Literal["usd", "tokens", "points", "requests"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose spending a call counts as. Without a limit it is counted all the same: one may come later."""

    scope: Literal["key", "member", "team"]
    id: UUID
    limit_n: int | None = None  # charge, nano-dollars
    period: Period = "month"

    @property
    def name(self) -> str:
        return f"{self.scope[0]}:{self.id.hex}"


@dataclass(frozen=True, slots=True)
class Quota:
    """What a plan or an education session may use in all, between two moments."""

    scope: Literal["plan", "session"]
    id: UUID
    unit: Unit
    limit: int
    start_at: datetime
    end_at: datetime

    @property
    def is_last(self) -> bool:
        """Say whether it is asked after the wallet (SPEC section 5: a session's quotas come last)."""
        return self.scope == "session"

    @property
    def subject(self) -> str:
        """Its letter and id: what its use is booked under."""
        return f"{'e' if self.scope == 'session' else 'p'}:{self.id.hex}"

    @property
    def name(self) -> str:
        start_ms, end_ms = (int(moment.timestamp() * 1000) for moment in (self.start_at, self.end_at))
        return f"{self.subject}:{self.unit[0]}:{start_ms}@{end_ms}"


@dataclass(frozen=True, slots=True)
class Fuse:
    """A circuit breaker's thresholds at one scope: upstream cost in a minute and in an hour, nano-dollars."""

    scope: Literal["member", "team", "org"]
    id: UUID
    minute_n: int
    hourly_n: int
    is_shadow: bool = False  # records what it would have refused

    @property
    def name(self) -> str:
        return f"{self.scope[0]}:{self.id.hex}"


NO_THRESHOLD_N = 2**52  # of a breaker that is switched off: its windows are kept all the same
