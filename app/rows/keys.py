"""An API key as its row on the page shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.models import ApiKey

State = Literal["active", "disabled", "expired", "paused"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a key spent in the running day, week and month, and in all, in nano-dollars."""

    day: int = 0
    week: int = 0
    month: int = 0
    total: int = 0

    def within(self, period: str) -> int:
        """What counts against a limit of that period."""
        return {"day": self.day, "week": self.week, "month": self.month}[period]


@dataclass(frozen=True, slots=True)
class KeyRow:
    key: ApiKey
    spent: Spent
    last_used_at: datetime | None
    state: State

    @property
    def against_limit_n(self) -> int:
        return self.spent.within(self.key.spend_limit_period)


def key_row(key: ApiKey, spent: Spent, *, last_used_at: datetime | None, now: datetime) -> KeyRow:
    return KeyRow(key=key, spent=spent, last_used_at=last_used_at, state=state_of(key, spent, now=now))


def state_of(key: ApiKey, spent: Spent, *, now: datetime) -> State:
    """What a call with this key would meet now, the hardest first."""
    if not key.enabled:
        return "disabled"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    if key.spend_limit_n is not None and spent.within(key.spend_limit_period) >= key.spend_limit_n:
        return "paused"
    return "active"
