"""Work on the bodies of calls: on large ones beside the loop, so that no other call waits for it.

Ten megabytes can hold millions of values: seconds of work, and hundreds of megabytes while it lasts.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

LARGE_BYTES = 256 * 1024
T = TypeVar("T")


class LargeBodies:
    """One after another: who waits for a turn has not begun."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def work(self, do: Callable[[], T], *, size: int) -> T:
        """Do it, with a body of this size (bytes). What was begun is finished: a client that leaves meanwhile
        gives its turn back no sooner.
        """
        if size <= LARGE_BYTES:
            return do()
        await self._turn.acquire()
        done = asyncio.get_running_loop().run_in_executor(None, do)
        done.add_done_callback(lambda _: self._turn.release())
        return await asyncio.shield(done)
