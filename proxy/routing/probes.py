"""One probe of an offer over all processes: who has the offer's key in Redis may try it.

The key lasts a few seconds and is renewed while its probe is under way: a process that dies keeps nobody from
probing for longer. While Redis is away each process probes for itself.
"""

from collections.abc import Iterable

from core.counters.keys import OFFER_PROBE, OFFERS
from proxy.store.errors import Away, Broken
from proxy.store.store import Store

# More than two rounds of telling: it outlives its probe until all have heard what came of that.
CLAIM_MS = 2_500


class Probes:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def claim(self, name: str) -> bool:
        """Say whether we may probe this offer: whether nobody else does."""
        try:
            answer = await self._store.command(
                OFFERS, "SET", OFFER_PROBE + name.encode(), b"1", "NX", "PX", CLAIM_MS, unfenced=True
            )
        except (Away, Broken):
            return True
        return answer is not None

    async def renew(self, names: Iterable[str]) -> None:
        """Keep what we are probing. Raises Away or Broken."""
        for name in names:
            await self._store.command(
                OFFERS, "SET", OFFER_PROBE + name.encode(), b"1", "PX", CLAIM_MS, unfenced=True
            )
