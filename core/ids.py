"""Identifiers: request ids whose day can be read back, and API keys with a checksum.

An `sk-` key is its prefix, 32 random base62 characters (190 bits) and 6 base62 characters of CRC-32
over everything before them. A typo, or a look-alike found by a secret scanner, is decided without a look-up.
"""

import hashlib
import hmac
import os
import re
import secrets
import time
import zlib
from datetime import UTC, date, datetime
from functools import lru_cache
from uuid import UUID

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_PREFIX = "sk-bl-"
EDUCATION_PREFIX = "sk-edu-"
RANDOM_CHARS = 32
CHECKSUM_CHARS = 6
HOUR_MS = 3_600_000
KEY_SHAPE = re.compile(rf"(?:{KEY_PREFIX}|{EDUCATION_PREFIX})[0-9A-Za-z]{{{RANDOM_CHARS + CHECKSUM_CHARS}}}")


def uuid7(now_ms: int | None = None) -> UUID:
    """A time-ordered id (RFC 9562 version 7). `now_ms` is Unix milliseconds."""
    stamp = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    value = (stamp & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def created_at(request_id: UUID) -> datetime:
    """The moment a version 7 id was made, to the millisecond, UTC."""
    return datetime.fromtimestamp((request_id.int >> 80) / 1000, UTC)


def day_of(request_id: UUID) -> date:
    """The UTC day of a version 7 id: the partition its usage row lives in, and nothing else decides it."""
    return hour_of(request_id).date()


def hour_of(request_id: UUID) -> datetime:
    """The UTC hour a version 7 id was made in."""
    return _hour((request_id.int >> 80) // HOUR_MS)


@lru_cache(maxsize=256)  # calls come in the order of time
def _hour(number: int) -> datetime:
    return datetime.fromtimestamp(number * HOUR_MS // 1000, UTC)


def first_id(moment: datetime) -> UUID:
    """The bound that no id made before the moment reaches, and every later one does."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def new_key(prefix: str = KEY_PREFIX) -> str:
    """Make a key that nobody can guess, checksum included."""
    body = prefix + "".join(secrets.choice(BASE62) for _ in range(RANDOM_CHARS))
    return body + key_checksum(body)


def key_checksum(body: str) -> str:
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_CHARS):
        value, digit = divmod(value, 62)
        digits = BASE62[digit] + digits
    return digits


def is_well_formed(key: str) -> bool:
    """Say whether a key has our shape and its checksum is right; no secret and no look-up is needed."""
    if not KEY_SHAPE.fullmatch(key):
        return False
    return hmac.compare_digest(key_checksum(key[:-CHECKSUM_CHARS]), key[-CHECKSUM_CHARS:])


def digest_key(key: str, pepper: bytes) -> bytes:
    """What is stored of a secret: HMAC-SHA256 under the server's pepper, 32 bytes."""
    return hmac.digest(pepper, key.encode(), hashlib.sha256)
