"""Ending a loop at once when it is told to."""

import signal
from types import FrameType


def stop_on_sigterm() -> None:
    """Make SIGTERM raise KeyboardInterrupt, as Ctrl-C does; what is being done is rolled back.

    psycopg then cancels the statement it waits for, so a long one does not keep the process.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not disturb the going
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
