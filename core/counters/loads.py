"""What counters start with when Redis does not know them: written as `load.lua` takes it."""

from collections.abc import Sequence

from core.charging.bases import Bases, Window
from core.charging.calls import Caller
from core.counters.keys import GLOBAL, WalletKeys, wallet_keys
from core.counters.requests import Request, script
from core.rules.periods import span_of
from core.rules.scopes import Quota, Subject


def base_field(subject: Subject, now_ms: int) -> str:
    return f"{subject.name}@{subject.period[0]}{span_of(subject.period, now_ms).first}:b"


def quota_field(quota: Quota) -> str:
    return f"{quota.name}:b"


def load(caller: Caller, bases: Bases, *, gen: str) -> Request:
    keys = wallet_keys(caller.bucket, caller.wallet_id)
    versions = [
        b"%d" % bases.wallet_ver,
        caller.key_id.hex.encode(),
        b"%d" % bases.key_ver,
    ]
    now_ms = bases.now_ms
    fields = [(base_field(subject, now_ms), base) for subject, base in bases.subjects]
    fields += [(quota_field(quota), base) for quota, base in bases.quotas]
    return _load(keys, versions, fields, bases.windows, gen=gen, holds_ms=bases.holds_ms)


def load_global(window: Window, *, gen: str) -> Request:
    """The same for the breaker over everything."""
    return _load(GLOBAL, [b"1", b"-", b"1"], [], [window], gen=gen, holds_ms=0)


def _load(
    keys: WalletKeys,
    versions: list[bytes],
    fields: Sequence[tuple[str, int]],
    windows: Sequence[Window],
    *,
    gen: str,
    holds_ms: int,
) -> Request:
    words = [gen.encode(), *versions, b"%d" % holds_ms, b"%d" % len(fields)]
    for field, base in fields:
        words += [field.encode(), b"%d" % base]
    words.append(b"%d" % len(windows))
    for window in windows:
        parts = [(b"s", *part) for part in window.seconds] + [(b"m", *part) for part in window.minutes]
        words += [window.name.encode(), b"%d" % len(parts)]
        for unit, at_ms, amount in parts:
            words += [unit, b"%d" % at_ms, b"%d" % amount]
    return Request(script("load"), keys.bucket, (keys.counters, keys.windows, keys.bucket.generation), words)


def count_globally(amount_n: int, *, minute_n: int, hour_n: int) -> Request:
    numbers = (amount_n, minute_n, hour_n)
    return Request(
        script("global"),
        GLOBAL.bucket,
        (GLOBAL.windows, GLOBAL.bucket.generation),
        [b"%d" % number for number in numbers],
    )
