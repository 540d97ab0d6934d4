"""What a caller says of its app: cleaned, cut, and of no more names a day than a person would read."""

import time
from collections import OrderedDict
from uuid import UUID

from aiohttp import web

MAX_CHARS = 200
NAMES = 100  # of a wallet on one day; daily sums have a row for each
OTHER = "(other apps)"
KEPT = 20_000
DAY_S = 86_400


class Apps:
    """Remembers which names a wallet used today; what comes beyond the bound is one app together."""

    def __init__(self) -> None:
        self._names: OrderedDict[UUID, tuple[int, set[str]]] = OrderedDict()

    def of(self, request: web.Request, wallet_id: UUID) -> tuple[str, str]:
        """The name and URL to record."""
        name = _clean(request.headers.get("X-Title", ""))
        url = _clean(request.headers.get("HTTP-Referer", ""))
        return (self._bounded(name, wallet_id) if name else ""), url

    def _bounded(self, name: str, wallet_id: UUID) -> str:
        today = int(time.time()) // DAY_S
        day, names = self._names.get(wallet_id, (today, set()))
        if day != today:
            names = set()
        if name not in names:
            if len(names) >= NAMES:
                return OTHER
            names.add(name)
        self._names[wallet_id] = (today, names)
        if len(self._names) > KEPT:
            self._names.popitem(last=False)
        return name


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()[:MAX_CHARS]
