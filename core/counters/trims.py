"""Forgetting what nobody will ask for any more: tombstones, counters of periods long over, old arrivals."""

import re

from core.counters.keys import bucket_keys
from core.counters.requests import Request, script

PATTERN = "bl:{b*}:[CRT]*"
SHAPE = re.compile(rb"bl:\{b(\d{3})\}:([CRT])(:[0-9a-f]{32})?")


def trim(key: bytes, *, cursor: bytes) -> Request | None:
    """Look through some fields of a hash, from `cursor` on. None: it is no hash of ours."""
    shape = SHAPE.fullmatch(key)
    if shape is None:
        return None
    return Request(script("trim"), bucket_keys(int(shape[1])), (key,), [shape[2], cursor])
