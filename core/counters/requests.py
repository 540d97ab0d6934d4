"""What is sent to each script: its keys and its arguments, all as bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

import msgspec

from core.charging.calls import Call, Caller, Ending, Progress, base_facts, final_facts
from core.counters.keys import BucketKeys, WalletKeys, bucket_keys, wallet_keys
from core.counters.script import Script
from core.rules.periods import DAY_MS, span_of
from core.rules.scopes import Quota, Subject

_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Request:
    """One run of a script."""

    script: Script
    bucket: BucketKeys
    keys: Sequence[bytes]
    args: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a proxy admits under: its generation, itself, how long a silent call lives."""

    gen: str
    boot_id: UUID
    ttl_ms: int
    global_retry_ms: int = 0  # above 0: the global breaker is open


@cache
def script(name: str) -> Script:
    return Script.load(name)


def admit(call: Call, terms: Terms, *, now_ms: int, partial: bool) -> Request:
    """Ask to hold a call's worst case; `partial`: PostgreSQL has no more, so a part of it will do."""
    keys = wallet_keys(call.caller.bucket, call.wallet_id)
    bucket = keys.bucket
    places = (
        keys.pool,
        bucket.hold(call.request_id),
        bucket.deadlines,
        keys.counters,
        keys.windows,
        keys.rates,
        bucket.tombstones,
        bucket.generation,
    )
    return Request(script("admit"), bucket, places, _asking(call, terms, keys.id, now_ms, partial=partial))


def _asking(call: Call, terms: Terms, wallet: bytes, now_ms: int, *, partial: bool) -> list[bytes]:
    """The arguments of an admission, in the order admit.lua names them."""
    caller, want = call.caller, call.want
    return [
        terms.gen.encode(),
        b"%d" % caller.wallet_ver,
        caller.key_id.hex.encode(),
        b"%d" % caller.key_ver,
        call.request_id.hex.encode(),
        b"%d" % want.full_n,
        b"%d" % want.slice_n,
        b"%d" % want.floor_n,
        b"1" if partial else b"0",
        b"%d" % call.tokens,
        b"%d" % call.points,
        b"%d" % terms.ttl_ms,
        b"%d" % caller.rpm,
        rate_field(caller),
        b"%d" % caller.at_once,
        b"%d" % terms.global_retry_ms,
        terms.boot_id.hex.encode(),
        _json(base_facts(call)),
        wallet,
        *_against(caller, now_ms),
    ]


def rate_field(caller: Caller) -> bytes:
    """Under which name a caller's calls a minute are counted."""
    return (caller.rpm_owner or caller.user_id).hex.encode()


def _against(caller: Caller, now_ms: int) -> list[bytes]:
    """The day, and everything the call counts against: breakers, subjects, quotas, each behind its number."""
    today = now_ms // DAY_MS
    if (known := caller.words.get(today)) is not None:
        return known
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
    caller.words.clear()  # yesterday's
    caller.words[today] = words
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


class Settlement(msgspec.Struct, frozen=True):
    """A call's end, as the spool keeps it and Redis gets it: everything absolute, nothing of its content."""

    request_id: UUID
    wallet_id: UUID
    bucket: int
    gen: str
    hold_n: int
    charge_n: int
    upstream_n: int
    tokens: int
    points: int
    requests: int
    base: str
    final: str


def ended(call: Call, ending: Ending, *, gen: str, hold_n: int) -> Settlement:
    """How a call ended. `hold_n` is what it holds, should Redis have lost that."""
    counts, usage = ending.is_counted(), ending.usage
    points = call.points if counts else 0
    return Settlement(
        request_id=call.request_id,
        wallet_id=call.wallet_id,
        bucket=call.caller.bucket,
        gen=gen,
        hold_n=hold_n,
        charge_n=ending.cost.charge_n,
        upstream_n=ending.cost.upstream_n,
        tokens=usage.input_tokens + usage.output_tokens if counts else 0,
        points=points,
        requests=int(counts),
        base=_json({**base_facts(call), "points": points}).decode(),
        final=_json(final_facts(ending)).decode(),
    )


def settlement(end: Settlement) -> Request:
    numbers = (end.charge_n, end.upstream_n, end.tokens, end.points, end.requests, end.hold_n)
    return _settle("final", end, [b"%d" % number for number in numbers], (end.base, end.final))


def _settle(kind: str, end: Settlement, numbers: list[bytes], facts: tuple[str, str]) -> Request:
    keys = wallet_keys(end.bucket, end.wallet_id)
    head = [kind.encode(), end.request_id.hex.encode(), keys.id, end.gen.encode()]
    return Request(
        script("settle"),
        keys.bucket,
        _settling(keys, end.request_id),
        [*head, *numbers, *map(str.encode, facts)],
    )


def sweep(bucket: int, wallet_id: UUID, request_id: UUID) -> Request:
    """Settle a call nobody has heard of at what its hold says it had produced."""
    keys = wallet_keys(bucket, wallet_id)
    args = [b"orphan", request_id.hex.encode(), keys.id, b"", *[b"0"] * 6, b"", b""]
    return Request(script("settle"), keys.bucket, _settling(keys, request_id), args)


def _settling(keys: WalletKeys, request_id: UUID) -> tuple[bytes, ...]:
    bucket = keys.bucket
    return (
        keys.pool,
        bucket.hold(request_id),
        bucket.deadlines,
        keys.counters,
        keys.windows,
        bucket.tombstones,
        bucket.stream,
        bucket.generation,
    )


def checkpoint(call: Call, progress: Progress, *, ttl_ms: int) -> Request:
    keys = wallet_keys(call.caller.bucket, call.wallet_id)
    cost = progress.cost
    numbers = (cost.charge_n, cost.upstream_n, progress.output_tokens, ttl_ms)
    return Request(
        script("checkpoint"),
        keys.bucket,
        (keys.bucket.hold(call.request_id), keys.bucket.deadlines, keys.windows),
        [call.request_id.hex.encode(), *(b"%d" % number for number in numbers)],
    )


def extend(call: Call, *, more_n: int, partial: bool) -> Request:
    keys = wallet_keys(call.caller.bucket, call.wallet_id)
    return Request(
        script("extend"),
        keys.bucket,
        (keys.pool, keys.bucket.hold(call.request_id), keys.counters, keys.bucket.generation),
        [b"%d" % more_n, b"1" if partial else b"0"],
    )


def grant(keys: WalletKeys, *, gen: str, seq: int, amount_n: int, valid_ms: int) -> Request:
    return Request(
        script("grant"),
        keys.bucket,
        (keys.pool, keys.bucket.generation),
        [gen.encode(), b"%d" % seq, b"%d" % amount_n, b"%d" % valid_ms],
    )


def recall(keys: WalletKeys, *, gen: str, want_n: int) -> Request:
    return Request(
        script("recall"),
        keys.bucket,
        (keys.pool, keys.bucket.generation, keys.bucket.stream),
        [gen.encode(), keys.id, b"%d" % want_n],
    )


def bump(bucket: int, wallet_id: UUID, *, key_id: UUID | None, ver: int) -> Request:
    keys = wallet_keys(bucket, wallet_id)
    field = b"w" if key_id is None else b"v:" + key_id.hex.encode()
    return Request(script("bump"), keys.bucket, (keys.counters, keys.bucket.generation), [field, b"%d" % ver])


def due(bucket: int, *, limit: int) -> Request:
    keys = bucket_keys(bucket)
    return Request(script("due"), keys, (keys.deadlines,), [b"%d" % limit])
