"""What admission is told of a caller: the same for every call of a day, so it is worked out once."""

from typing import NamedTuple

from core.charging.calls import Caller
from core.counters.keys import WalletKeys, wallet_keys
from core.rules.periods import DAY_MS, span_of
from core.rules.scopes import Quota, Subject


class Standing(NamedTuple):
    """A caller in the words of the script: numbers and names as bytes."""

    keys: WalletKeys
    wallet_ver: bytes
    key: bytes
    key_ver: bytes
    rpm: bytes
    rate: bytes
    at_once: bytes
    against: list[bytes]


def rate_field(caller: Caller) -> bytes:
    """Under which name a caller's calls a minute are counted."""
    return (caller.rpm_owner or caller.user_id).hex.encode()


def standing_of(caller: Caller, now_ms: int) -> Standing:
    today = now_ms // DAY_MS
    known: Standing | None = caller.standing.get(today)
    if known is not None:
        return known
    caller.standing.clear()  # yesterday's
    standing = caller.standing[today] = Standing(
        keys=wallet_keys(caller.bucket, caller.wallet_id),
        wallet_ver=b"%d" % caller.wallet_ver,
        key=caller.key_id.hex.encode(),
        key_ver=b"%d" % caller.key_ver,
        rpm=b"%d" % caller.rpm,
        rate=rate_field(caller),
        at_once=b"%d" % caller.at_once,
        against=_against(caller, now_ms),
    )
    return standing


def _against(caller: Caller, now_ms: int) -> list[bytes]:
    """The day, and everything a call counts against: breakers, subjects, quotas, each behind its number."""
    words = [b"%d" % (now_ms // DAY_MS), b"%d" % len(caller.fuses)]
    for fuse in caller.fuses:
        words += [fuse.name.encode(), b"%d" % fuse.minute_n, b"%d" % fuse.hourly_n, b"%d" % fuse.is_shadow]
    words.append(b"%d" % len(caller.subjects))
    for subject in caller.subjects:
        span = span_of(subject.period, now_ms)
        words += [_subject(subject, now_ms), b"%d" % span.start_ms, b"%d" % span.end_ms]
    words.append(b"%d" % len(caller.quotas))
    for quota in caller.quotas:
        words += [_quota(quota), *_bounds(quota), b"%d" % quota.is_last]
    return words


def _subject(subject: Subject, now_ms: int) -> bytes:
    span = span_of(subject.period, now_ms)
    limit = "-" if subject.limit_n is None else str(subject.limit_n)
    return f"{subject.name}|{limit}|{subject.period[0]}|{span.first}|{span.today}|{span.month}".encode()


def _quota(quota: Quota) -> bytes:
    return f"{quota.name}|{quota.unit[0]}|{quota.limit}".encode()


def _bounds(quota: Quota) -> tuple[bytes, bytes]:
    start, end = quota.start_at.timestamp(), quota.end_at.timestamp()
    return b"%d" % int(start * 1000), b"%d" % int(end * 1000)
