"""Who calls in the model: three wallets, the last with amounts no float can hold, and their keys."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from core.charging.calls import Caller
from core.rules.scopes import Fuse, Quota, Subject

SCALES = (1, 1_000_003, 10**12 + 7)  # what a small amount is, in nano-dollars
BUCKETS = (7, 7, 9)


class Chooser(Protocol):
    """Who decides what happens."""

    def pick(self, options: Any) -> Any: ...
    def number(self, low: int, high: int) -> int: ...
    def chance(self, percent: int) -> bool: ...


def wallets() -> dict[UUID, tuple[int, int]]:
    """Each wallet's scale and bucket."""
    ids = (UUID(int=number * 16 + 1) for number in range(1, 4))
    return dict(zip(ids, zip(SCALES, BUCKETS, strict=True), strict=True))


def callers(now_ms: int, choose: Chooser) -> list[Caller]:
    """A few keys of each wallet: some share a member and a team, some have quotas, some hardly a limit."""
    return [
        Caller(
            key_id=UUID(int=wallet.int + 256 * place),
            key_ver=1,
            wallet_id=wallet,
            wallet_ver=1,
            bucket=bucket,
            user_id=UUID(int=wallet.int + 1),
            **kind,
        )
        for wallet, (scale, bucket) in wallets().items()
        for place, kind in enumerate(_kinds(wallet, scale, now_ms, choose), 1)
    ]


def _kinds(wallet: UUID, scale: int, now_ms: int, choose: Chooser) -> list[dict[str, Any]]:
    tight = choose.pick((1, 3, 12))
    member, team = UUID(int=wallet.int + 1), UUID(int=wallet.int + 2)
    shared = (Subject("member", member, 150 * scale * tight), Subject("team", team, 200 * scale * tight))
    fuses = [
        Fuse("member", member, 20 * scale * tight, 90 * scale * tight),
        Fuse("team", team, 30 * scale * tight, 110 * scale * tight),
        Fuse("org", wallet, 50 * scale * tight, 120 * scale * tight),
    ]
    keys = [UUID(int=wallet.int + 256 * place) for place in range(1, 5)]
    day = {"subjects": (Subject("key", keys[0], 60 * scale * tight, "day"), *shared), "fuses": tuple(fuses)}
    week = {"subjects": (Subject("key", keys[1], 80 * scale * tight, "week"), *shared)}
    shadowed = (replace(fuses[0], is_shadow=True), fuses[2])
    quotas = quotas_of(wallet, scale * tight, now_ms)
    return [
        {**day, "at_once": 3},
        {**week, "fuses": shadowed, "rpm": 3, "at_once": 4},
        {"subjects": (Subject("key", keys[2]), *shared), "quotas": quotas, "rpm": 50},
        {"subjects": (Subject("key", keys[3], 500 * scale, "month"),)},
    ]


def quotas_of(wallet: UUID, scale: int, now_ms: int) -> tuple[Quota, ...]:
    """A plan's quotas, asked before the wallet, and a session's, asked after it."""
    plan, session = UUID(int=wallet.int + 3), UUID(int=wallet.int + 4)
    return (
        Quota("plan", plan, "tokens", 6000, *_window(now_ms, hours=5)),
        Quota("plan", plan, "points", 30, *_window(now_ms, hours=24)),
        Quota("session", session, "usd", 70 * scale, *_window(now_ms, hours=48)),
        Quota("session", session, "requests", 8, *_window(now_ms, hours=48)),
    )


def with_windows_of(caller: Caller, now_ms: int) -> Caller:
    """The same caller; of its quotas those that are over begin anew."""
    if all(quota.end_at.timestamp() * 1000 > now_ms for quota in caller.quotas):
        return caller
    return replace(caller, quotas=quotas_of(caller.wallet_id, caller.quotas[2].limit // 70, now_ms))


def _window(now_ms: int, *, hours: int) -> tuple[datetime, datetime]:
    size = hours * 3600
    start = datetime.fromtimestamp(now_ms // 1000 // size * size, UTC)
    return start, start + timedelta(seconds=size)
