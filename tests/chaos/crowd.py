"""Many callers who all start at one moment, on money for ten of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from tests.chaos.accounts import EXACT, EXACT_N, EXACT_TOKENS
from tests.chaos.client import Seen, ask, call
from tests.chaos.rig import ENDED_S, Rig

WHOLE_CALLS = 10
LAST_TOKENS = (
    20  # what the money is for beyond the whole calls: less than a call wants, and enough to begin one
)
MONEY_N = WHOLE_CALLS * EXACT_N + LAST_TOKENS * EXACT_N // EXACT_TOKENS
MONEY_USD = "0.001122"
EXPECTED = Counter({EXACT_TOKENS: WHOLE_CALLS, LAST_TOKENS: 1})


async def rush(rig: Rig, secrets: Sequence[str], *, calls: int) -> list[Seen]:
    """All call at once, over all proxies and these keys. Each call costs to the nano-dollar what it holds."""
    start = asyncio.Event()

    async def one(number: int) -> Seen:
        proxy = rig.proxies[number % len(rig.proxies)]
        secret = secrets[number // len(rig.proxies) % len(secrets)]
        seen = Seen(proxy=proxy.url, secret=secret, model=EXACT, stream=False)
        await start.wait()
        return await call(seen, ask(EXACT, 1, stream=False, max_tokens=EXACT_TOKENS))

    callers = [asyncio.create_task(one(number)) for number in range(calls)]
    start.set()
    seen = await asyncio.gather(*callers)
    rig.seen += seen
    return list(seen)


def served(seen: Sequence[Seen]) -> Counter[int]:
    """How many were answered with how many tokens."""
    return Counter(one.tokens for one in seen if one.status == 200 and one.is_complete)


async def until_spent(rig: Rig, secrets: Sequence[str], seen: list[Seen]) -> None:
    """Call until the last of the money is spent, to the nano-dollar and no further."""
    async with asyncio.timeout(ENDED_S):
        while served(seen) != EXPECTED:
            assert not served(seen) - EXPECTED
            await asyncio.sleep(1)
            seen += await rush(rig, secrets, calls=WHOLE_CALLS)
