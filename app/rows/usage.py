"""A call as its row on the page shows it, and where a reader's list of calls ends."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from core.models import UsageEvent

# Rows become visible when their transaction commits, which is not quite the order of `ended_at`: each look
# goes back this far and leaves out what the reader has.
OVERLAP = timedelta(seconds=10)
LATEST = 50
CURSOR = re.compile(r"(\d{1,17})((?:\.[0-9a-f]{12})*)", re.ASCII)
# Why a call was refused or how it ended early, for those who made it.
REASONS: dict[str, LazyString] = {
    "client_gone": _("Your program closed the connection"),
    "upstream_cut": _("The provider broke off"),
    "orphaned": _("Cut off by a restart; charged for what was produced"),
    "insufficient_credits": _("Refused: the balance did not cover it"),
    "key_limit_reached": _("Refused: the key reached its spend limit"),
    "upstream_failed": _("No provider answered"),
    "too_many": _("Refused: too many requests"),
    "unavailable": _("Refused: no provider at that moment"),
    "forbidden": _("Refused: not allowed for this key"),
    "too_large": _("Refused: too large"),
    "bad_request": _("Refused: the request could not be read"),
    "out_of_money": _("Ended early: the balance was used up"),
}


@dataclass(frozen=True, slots=True)
class CallRow:
    """`tone` and `note` say how the call went; a call that went well has no note."""

    call: UsageEvent
    key_name: str
    tone: str
    note: str
    fresh: bool = False


def call_row(call: UsageEvent, *, key_name: str, fresh: bool = False) -> CallRow:
    failed = call.status >= 400  # noqa: PLR2004
    tone = "bad" if failed else "good" if call.reason == "done" else "warn"
    known = REASONS.get(call.reason)
    note = "" if call.reason == "done" else str(known or call.reason.replace("_", " "))
    return CallRow(call=call, key_name=key_name, tone=tone, note=note, fresh=fresh)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a reader has seen: the time of the newest row, and the marks of those just before it."""

    at: datetime
    seen: frozenset[str]

    @classmethod
    def after(cls, calls: Sequence[UsageEvent], *, otherwise: datetime) -> Self:
        """The cursor of somebody who sees these calls; `otherwise` when there are none."""
        at = max((call.ended_at for call in calls), default=otherwise)
        return cls(at, frozenset(mark(call) for call in calls if call.ended_at > at - OVERLAP))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The cursor a page sent back; None for what is none."""
        found = CURSOR.fullmatch(text[: 20 + 13 * LATEST])
        if found is None:
            return None
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(found[1]))
        return cls(at, frozenset(found[2].split(".")[1:]))

    def __str__(self) -> str:
        micros = (self.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return ".".join((str(micros), *sorted(self.seen)))

    @property
    def since(self) -> datetime:
        return self.at - OVERLAP

    def new_among(self, calls: Iterable[UsageEvent]) -> list[UsageEvent]:
        return [call for call in calls if mark(call) not in self.seen]


def mark(call: UsageEvent) -> str:
    return call.request_id.hex[-12:]
