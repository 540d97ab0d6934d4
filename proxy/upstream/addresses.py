"""Where a provider's host is to be found: on the public internet only, unless the operator says otherwise."""

import asyncio
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohappyeyeballs.types import AddrInfoType

from core.rules.addresses import is_public

FRESH_S = 30.0
PORTS = {"https": 443, "http": 80}


class NoAddress(OSError):
    """The host has no address that may be connected to."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is connected to."""

    is_secure: bool
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        parts = urlsplit(url)
        assert parts.hostname is not None  # a provider without a host is not kept
        return cls(parts.scheme == "https", parts.hostname, parts.port or PORTS[parts.scheme])

    @property
    def authority(self) -> str:
        """The host as it is named to itself."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS["https" if self.is_secure else "http"] else f"{host}:{self.port}"


class Addresses:
    """The addresses of one host, asked for again after a while.

    What is checked here is what is connected to: no second look-up lies between.
    """

    def __init__(self, origin: Origin, *, allow_private: bool) -> None:
        self._origin = origin
        self._allow_private = allow_private
        self._found: asyncio.Task[list[AddrInfoType]] | None = None
        self._found_at = 0.0

    async def find(self) -> list[AddrInfoType]:
        """Raises NoAddress. Many may ask at once: the name is looked up once for all of them."""
        now = asyncio.get_running_loop().time()
        if self._found is None or self._is_stale(self._found, now):
            self._found, self._found_at = asyncio.create_task(self._look_up()), now
            self._found.add_done_callback(_note)
        return await asyncio.shield(self._found)

    def _is_stale(self, found: asyncio.Task[list[AddrInfoType]], now: float) -> bool:
        if not found.done():
            return False
        return now - self._found_at > FRESH_S or found.cancelled() or found.exception() is not None

    async def _look_up(self) -> list[AddrInfoType]:
        host, port = self._origin.host, self._origin.port
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except OSError:
            raise NoAddress(f"{host} does not resolve") from None
        allowed: list[AddrInfoType] = []
        allowed += (info for info in infos if self._allow_private or is_public(str(info[4][0])))
        if not allowed:
            raise NoAddress(f"{host} resolves to no public address")
        return allowed


def _note(found: asyncio.Task[list[AddrInfoType]]) -> None:
    """Whoever asked may be gone: a failure is told the next one, and is no failure of the loop."""
    if not found.cancelled():
        found.exception()
