"""Callers whose calls are refused over and over: past ten times their rate they are refused without a look.

Kept by each process for itself, in memory: it spares Redis and the log of refusals, it holds no money.
"""

import time
from collections.abc import Callable
from uuid import UUID

from core.charging.calls import Caller
from core.errors import TooMany

FACTOR = 10  # refusals a minute, as a multiple of the calls a minute (SPEC section 5)
MINUTE_S = 60.0
KEPT = 50_000


class Flooding(TooMany):
    """Too many refused calls."""

    reason = "too_many_refused"


class Floods:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paid_until: dict[UUID, float] = {}

    def check(self, caller: Caller) -> None:
        """Raise Flooding for a caller who has had all the refusals of a minute."""
        wait_s = self.wait_s(caller)
        if wait_s > 0:
            raise Flooding(
                f"More than {FACTOR * caller.rpm} refused requests a minute. Look at why they are refused "
                "before trying again.",
                retry_after_s=wait_s,
            )

    def wait_s(self, caller: Caller) -> int:
        """How many seconds a caller is refused without a look from now on; 0: it is not."""
        wait_s = self._paid_until.get(_owner(caller), 0.0) - MINUTE_S - self._clock()
        return int(wait_s) + 1 if wait_s > 0 else 0

    def count(self, caller: Caller) -> None:
        """A call of this caller was refused."""
        if not caller.rpm:
            return
        owner, now = _owner(caller), self._clock()
        if owner not in self._paid_until and len(self._paid_until) >= KEPT:
            self._paid_until.pop(next(iter(self._paid_until)))
        begun = max(self._paid_until.get(owner, 0.0), now)
        self._paid_until[owner] = begun + MINUTE_S / (FACTOR * caller.rpm)


def _owner(caller: Caller) -> UUID:
    return caller.rpm_owner or caller.user_id
