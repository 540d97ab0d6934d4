"""Which server of a cluster a hash tag belongs to."""

from binascii import crc_hqx
from dataclasses import dataclass
from typing import Any, Self

from proxy.store.address import Address
from proxy.store.connection import Reply
from proxy.store.errors import Broken

SLOTS = 16_384


def slot_of(tag: str) -> int:
    return crc_hqx(tag.encode(), 0) % SLOTS


@dataclass(frozen=True, slots=True)
class Slots:
    """Ranges of slots, first and last included, and their primaries."""

    ranges: tuple[tuple[int, int, Address], ...]

    @classmethod
    def all_of(cls, address: Address) -> Self:
        """Of a server that stands alone."""
        return cls(((0, SLOTS - 1, address),))

    @classmethod
    def from_reply(cls, reply: Reply, *, asked: Address) -> Self:
        """Read the answer to CLUSTER SLOTS. A server that names no host means the one that was asked."""
        rows: Any = reply
        try:
            return cls(
                tuple(
                    (first, last, asked.at((host or b"").decode() or asked.host, port))
                    for first, last, (host, port, *_), *_ in rows
                )
            )
        except (TypeError, ValueError, AttributeError):
            raise Broken("CLUSTER SLOTS was answered with something else") from None

    @property
    def primaries(self) -> frozenset[Address]:
        return frozenset(address for _, _, address in self.ranges)

    @property
    def complete(self) -> bool:
        return sum(last - first + 1 for first, last, _ in self.ranges) == SLOTS

    def primary_of(self, tag: str) -> Address | None:
        slot = slot_of(tag)
        return next((address for first, last, address in self.ranges if first <= slot <= last), None)
