"""Read first by every Python process under a shifted clock.

`time.sleep` waits until a moment of the monotonic clock. That clock is true there, but libfaketime (0.9.10) takes
the shift from the moment all the same, and the wait fails. Waiting for so long instead is understood.
"""

import select
import time


def sleep(seconds: float) -> None:
    select.select((), (), (), seconds)


time.sleep = sleep  # noqa: TID251  # replaced, not used
