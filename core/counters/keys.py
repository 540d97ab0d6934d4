"""Names of keys. All keys of a wallet's bucket share one hash tag, so that one script may touch them all."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from uuid import UUID

BUCKETS = 256


def tag_of(bucket: int) -> str:
    """The hash tag of a bucket, without its braces."""
    return f"b{bucket:03d}"


@dataclass(frozen=True, slots=True)
class BucketKeys:
    """What the wallets of a bucket share."""

    tag: str
    generation: bytes
    deadlines: bytes
    tombstones: bytes
    stream: bytes
    holds: bytes  # what the names of all holds begin with

    @classmethod
    def of(cls, bucket: int) -> Self:
        head = f"bl:{{{tag_of(bucket)}}}:"
        generation, deadlines, tombstones, stream = (f"{head}{letter}".encode() for letter in "GZTS")
        return cls(tag_of(bucket), generation, deadlines, tombstones, stream, holds=f"{head}H:".encode())

    def hold(self, request_id: UUID) -> bytes:
        return self.holds + request_id.hex.encode()


@dataclass(frozen=True, slots=True)
class WalletKeys:
    """What a wallet has of its own, beside its bucket's."""

    bucket: BucketKeys
    id: bytes
    pool: bytes
    counters: bytes
    windows: bytes
    rates: bytes

    @classmethod
    def of(cls, bucket: int, wallet_id: UUID) -> Self:
        head, tail = f"bl:{{{tag_of(bucket)}}}:", wallet_id.hex
        names = (f"{head}{letter}:{tail}".encode() for letter in "PCBR")
        return cls(bucket_keys(bucket), tail.encode(), *names)


@lru_cache(maxsize=BUCKETS)
def bucket_keys(bucket: int) -> BucketKeys:
    return BucketKeys.of(bucket)


@lru_cache(maxsize=50_000)
def wallet_keys(bucket: int, wallet_id: UUID) -> WalletKeys:
    return WalletKeys.of(bucket, wallet_id)


EVERYTHING = UUID(int=0)  # stands for the wallet of the global breaker, which is over all wallets
GLOBAL = wallet_keys(0, EVERYTHING)

# What the proxies tell each other of offers, under a tag of its own: two hashes, a field an offer; and a key
# for each offer that is being probed.
OFFERS = "offers"
OFFERS_HEALTH, OFFERS_PACE = (f"bl:{{{OFFERS}}}:{letter}".encode() for letter in "HP")
OFFER_PROBE = f"bl:{{{OFFERS}}}:T:".encode()
