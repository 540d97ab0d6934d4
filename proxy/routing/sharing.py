"""What the proxies tell each other of offers, through Redis, beside the calls: nothing here is waited for.

Two hashes, a field an offer: how it stands since it was last opened or closed, how fast it was when it was
last measured. While Redis is away each process goes by what it sees itself.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeVar, cast
from uuid import UUID

import msgspec

from core.counters.keys import OFFERS, OFFERS_HEALTH, OFFERS_PACE
from core.rules.health import Circuit, Health, Pace
from proxy.clock import Clock
from proxy.routing.healths import Healths
from proxy.routing.probes import Probes
from proxy.store.errors import Away, Broken
from proxy.store.store import Store

SHARE_S = 1.0
KEPT_MS = 3_600_000  # what nobody said again for so long is no news any more
MOST = 10_000  # offers told of


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """An offer was opened for everybody, for the n-th time in a row, or closed (0); and so for an account."""

    at_ms: int
    openings: int
    until_ms: int
    account: UUID | None = None
    own_openings: int = 0
    own_until_ms: int = 0


class Speed(msgspec.Struct, frozen=True, array_like=True):
    at_ms: int
    first_ms: float | None
    tokens_per_s: float | None


Word = TypeVar("Word", Verdict, Speed)
_encode = msgspec.json.Encoder().encode


class Sharing:
    def __init__(self, store: Store, healths: Healths, clock: Clock) -> None:
        self._store = store
        self._healths = healths
        self._clock = clock
        self._probes = Probes(store)

    async def keep(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(SHARE_S)
            await self.share()

    async def share(self) -> None:
        """Hear what others say, then tell what they do not know."""
        try:
            for name, verdict in await self._read(OFFERS_HEALTH, Verdict):
                self._healths.hear_health(
                    name,
                    at_ms=verdict.at_ms,
                    for_all=Circuit(verdict.openings, verdict.until_ms),
                    own=Circuit(verdict.own_openings, verdict.own_until_ms),
                    account=verdict.account,
                )
            for name, speed in await self._read(OFFERS_PACE, Speed):
                self._healths.hear_pace(name, Pace(speed.first_ms, speed.tokens_per_s), at_ms=speed.at_ms)
            await self._tell_health()
            await self._tell_pace()
            await self._probes.renew(self._healths.probing())
        except (Away, Broken):
            return  # another time

    async def _tell_health(self) -> None:
        told = [(name, known, known.health_ms, known.health) for name, known in self._healths.unsaid_health()]
        await self._write(
            OFFERS_HEALTH,
            {name: _verdict(at_ms, said) for name, _, at_ms, said in told},
        )
        for _, known, at_ms, _ in told:
            known.is_health_unsaid = known.health_ms != at_ms  # there is newer news meanwhile

    async def _tell_pace(self) -> None:
        told = [(name, known, known.pace_ms, known.pace) for name, known in self._healths.unsaid_pace()]
        await self._write(
            OFFERS_PACE,
            {name: Speed(at_ms, said.first_ms, said.tokens_per_s) for name, _, at_ms, said in told},
        )
        for _, known, at_ms, _ in told:
            known.is_pace_unsaid = known.pace_ms != at_ms

    async def _read(self, key: bytes, kind: type[Word]) -> list[tuple[str, Word]]:
        """What is said there. What is old, or no word of ours, is taken away."""
        answer = cast("list[bytes]", await self._store.command(OFFERS, "HGETALL", key, unfenced=True))
        heard: list[tuple[str, Word]] = []
        gone: list[bytes] = []
        for field, value in zip(answer[::2], answer[1::2], strict=True):
            word = self._word(value, kind)
            if word is None or len(heard) >= MOST:
                gone.append(field)
            else:
                heard.append((field.decode(errors="replace"), word))
        if gone:
            await self._store.command(OFFERS, "HDEL", key, *gone, unfenced=True)
        return heard

    def _word(self, value: bytes, kind: type[Word]) -> Word | None:
        try:
            word = msgspec.json.decode(value, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return word if abs(self._clock.now_ms() - word.at_ms) <= KEPT_MS else None

    async def _write(self, key: bytes, words: Mapping[str, Verdict | Speed]) -> None:
        if words:
            pairs = [part for name, word in words.items() for part in (name, _encode(word))]
            await self._store.command(OFFERS, "HSET", key, *pairs, unfenced=True)
            await self._store.command(OFFERS, "PEXPIRE", key, KEPT_MS, unfenced=True)


def _verdict(at_ms: int, health: Health) -> Verdict:
    for_all, own, account = health.circuits
    return Verdict(at_ms, for_all.openings, for_all.until_ms, account, own.openings, own.until_ms)
