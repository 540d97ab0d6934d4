"""What is sent to each script: its keys and its arguments, all as bytes."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

import msgspec

from core.charging.calls import Call, Ending, Progress, final_facts
from core.counters.keys import BucketKeys, WalletKeys, bucket_keys, wallet_keys
from core.counters.script import Script
from core.counters.standing import Standing, standing_of

_json = msgspec.json.Encoder().encode


class Request(msgspec.Struct, frozen=True):
    """One run of a script."""

    script: Script
    bucket: BucketKeys
    keys: Sequence[bytes]
    args: Sequence[bytes]


class Terms(msgspec.Struct, frozen=True):
    """What a proxy admits under: its generation, itself, how long a silent call lives."""

    gen: str
    boot: bytes  # 32 hexadecimal digits
    ttl_ms: int
    global_retry_ms: int = 0  # above 0: the global breaker is open


@cache
def script(name: str) -> Script:
    return Script.load(name)


def admit(call: Call, terms: Terms, *, now_ms: int, partial: bool) -> Request:
    """Ask to hold a call's worst case; `partial`: PostgreSQL has no more, so a part of it will do."""
    standing, rid = standing_of(call.caller, now_ms), call.request_id.hex.encode()
    keys, bucket = standing.keys, standing.keys.bucket
    places = (
        keys.pool,
        bucket.holds + rid,
        bucket.deadlines,
        keys.counters,
        keys.windows,
        keys.rates,
        bucket.tombstones,
        bucket.generation,
    )
    return Request(script("admit"), bucket, places, _asking(call, rid, terms, standing, partial=partial))


def _asking(call: Call, rid: bytes, terms: Terms, standing: Standing, *, partial: bool) -> list[bytes]:
    """The arguments of an admission, in the order admit.lua names them."""
    want = call.want
    return [
        terms.gen.encode(),
        standing.wallet_ver,
        standing.key,
        standing.key_ver,
        rid,
        b"%d" % want.full_n,
        b"%d" % want.slice_n,
        b"%d" % want.floor_n,
        b"1" if partial else b"0",
        b"%d" % call.tokens,
        b"%d" % call.points,
        b"%d" % terms.ttl_ms,
        standing.rpm,
        standing.rate,
        standing.at_once,
        b"%d" % terms.global_retry_ms,
        terms.boot,
        call.base,
        standing.keys.id,
        *standing.against,
    ]


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
    base: msgspec.Raw  # JSON objects, as they stand there
    final: msgspec.Raw


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
        base=msgspec.Raw(call.base),
        final=msgspec.Raw(_json({**final_facts(ending), "points": points})),
    )


def settlement(end: Settlement) -> Request:
    keys, rid = wallet_keys(end.bucket, end.wallet_id), end.request_id.hex.encode()
    args = [
        b"final",
        rid,
        keys.id,
        end.gen.encode(),
        b"%d" % end.charge_n,
        b"%d" % end.upstream_n,
        b"%d" % end.tokens,
        b"%d" % end.points,
        b"%d" % end.requests,
        b"%d" % end.hold_n,
        bytes(end.base),
        bytes(end.final),
    ]
    return Request(script("settle"), keys.bucket, _settling(keys, rid), args)


def sweep(bucket: int, wallet_id: UUID, request_id: UUID) -> Request:
    """Settle a call nobody has heard of at what its hold says it had produced."""
    keys = wallet_keys(bucket, wallet_id)
    rid = request_id.hex.encode()
    args = [b"orphan", rid, keys.id, b"", *[b"0"] * 6, b"", b""]
    return Request(script("settle"), keys.bucket, _settling(keys, rid), args)


def _settling(keys: WalletKeys, rid: bytes) -> tuple[bytes, ...]:
    bucket = keys.bucket
    return (
        keys.pool,
        bucket.holds + rid,
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
