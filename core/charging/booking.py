"""Booking settlements: usage rows, daily sums, spends, ledger rows and balances, all in one transaction.

Amounts are absolute and a request id has one usage row, so that repeated, late and reordered settlements
change nothing: of a higher rank, the difference is booked; of the same or a lower one, nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, TextClause

from core.charging.calls import Entry
from core.charging.statements import (
    EARLIER,
    LINE,
    LOCK,
    POOLS,
    SPENT,
    SUMMED,
    WRITE_DAILY,
    WRITE_EVENTS,
    WRITE_LEDGER,
    WRITE_POOLS,
    WRITE_SPENDS,
    WRITE_WALLETS,
)
from core.ids import day_of, hour_of
from core.models.usage import NOBODY

IDS = ("key_id", "team_id", "member_id")  # as text, which is what facts have
_json = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(slots=True)
class _Books:
    """What a batch changes, summed up before it is written."""

    free: dict[UUID, int]
    pools: dict[tuple[UUID, int], int]  # what is left of each open pool
    over: set[tuple[UUID, int]]  # those of them whose generation is over
    events: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    daily: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    spends: dict[tuple[str, datetime, int], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(SPENT))
    )
    posted: dict[tuple[UUID, int], int] = field(default_factory=lambda: defaultdict(int))
    wallets: dict[UUID, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))


def book(connection: Connection, entries: Sequence[Entry]) -> dict[UUID, int]:
    """Book settlements. Returns what each call is charged, all in all.

    A call of no known wallet, or booked for another one before, is left out. Locks the wallets, in the order
    of their ids.
    """
    latest: dict[UUID, Entry] = {}
    for entry in entries:
        known = latest.get(entry.request_id)
        if known is None or entry.rank > known.rank:
            latest[entry.request_id] = entry
    books = _open(connection, {entry.wallet_id for entry in latest.values()})
    charges = {}
    earlier = _earlier(connection, latest)
    for entry in latest.values():
        before = earlier.get(entry.request_id)
        if entry.wallet_id in books.free and (before is None or before["wallet_id"] == entry.wallet_id):
            charges[entry.request_id] = _book(books, entry, before)
    _write(connection, books)
    return charges


def _open(connection: Connection, wallet_ids: Iterable[UUID]) -> _Books:
    ids = sorted(wallet_ids)
    free = {row.id: int(row.free_n) for row in connection.execute(LOCK, {"ids": ids})}
    rows = connection.execute(POOLS, {"ids": ids}).all()
    pools = {(row.wallet_id, row.gen): int(row.left_n) for row in rows}
    return _Books(free=free, pools=pools, over={(row.wallet_id, row.gen) for row in rows if row.is_over})


def _earlier(connection: Connection, entries: Mapping[UUID, Entry]) -> dict[UUID, Mapping[str, Any]]:
    days = sorted({day_of(request_id) for request_id in entries})
    rows = connection.execute(EARLIER, {"ids": list(entries), "days": days}).mappings()
    return {
        row["request_id"]: {**row, **{name: row[name] and str(row[name]) for name in IDS}} for row in rows
    }


def _book(books: _Books, entry: Entry, before: Mapping[str, Any] | None) -> int:
    """Note what one settlement changes; returns the charge that stands."""
    if before is not None and before["rank"] >= entry.rank:
        return int(before["charge_n"])
    charged_n = int(before["charge_n"]) if before else 0
    charge_n = charged_n + _payable(books, entry, entry.charge_n - charged_n)
    event = _event(entry, charge_n)
    if before is not None and before["rank"] > 0:
        _sum(books, {**before, "points": 0, "quotas": entry.facts.get("quotas", ())}, sign=-1)
    _sum(books, event, sign=1)
    books.events.append(event)
    kind = "adjustment" if before and before["rank"] > 0 else "usage"
    _pay(books, entry, charge_n - charged_n, kind=kind, at=event["ended_at"])
    return charge_n


def _payable(books: _Books, entry: Entry, more_n: int) -> int:
    """All of it where Redis has it in hand. Of a generation that is over no more than its pool has left: what
    a swept call gave back may have been spent by others before its end was told. A pool that was closed pays
    no more than is free now.
    """
    place = (entry.wallet_id, entry.gen)
    if more_n <= 0 or entry.gen == 0 or (place in books.pools and place not in books.over):
        return more_n
    return min(more_n, max(0, books.pools.get(place, books.free[entry.wallet_id])))


def _event(entry: Entry, charge_n: int) -> dict[str, Any]:
    return {
        "ended_at": datetime.now(UTC),
        "disputed": False,
        **entry.facts,
        "request_id": entry.request_id,
        "day": day_of(entry.request_id),
        "wallet_id": entry.wallet_id,
        "gen": entry.gen,
        "rank": entry.rank,
        "charge_n": charge_n,
        "points": entry.points,
    }


def _pay(books: _Books, entry: Entry, charge_n: int, *, kind: str, at: datetime) -> None:
    if charge_n == 0:
        return
    row = {"wallet_id": entry.wallet_id, "kind": kind, "ref": str(entry.request_id), "amount_n": -charge_n}
    books.ledger.append({**row, "note": entry.facts["model_id"], "at": at})
    wallet = books.wallets[entry.wallet_id]
    wallet[0] += charge_n
    place = (entry.wallet_id, entry.gen)
    if place in books.pools:
        left_n = books.pools[place]
        books.pools[place] = left_n - charge_n
        books.posted[place] += charge_n
        wallet[1] += max(0, left_n) - max(0, left_n - charge_n)
    else:
        books.free[entry.wallet_id] -= charge_n


def counts(event: Mapping[str, Any]) -> bool:
    """Say whether a call is part of the sums: it was answered, or it cost something."""
    return bool(event["charge_n"]) or event["status"] < 400  # noqa: PLR2004


def _sum(books: _Books, event: Mapping[str, Any], *, sign: int) -> None:
    if not counts(event):
        return
    team, member = event["team_id"] or NOBODY, event["member_id"] or NOBODY
    place = (
        event["wallet_id"],
        event["day"],
        event["key_id"],
        team,
        member,
        event["model_id"],
        event["app_name"],
    )
    row = books.daily.get(place)
    if row is None:
        row = books.daily[place] = dict.fromkeys(("requests", *SUMMED), 0)
        row.update(zip(LINE, place, strict=True), last_at=event["ended_at"])
    row["requests"] += sign
    row["last_at"] = max(row["last_at"], event["ended_at"])
    for name in SUMMED:
        row[name] += sign * event[name]
    tokens = event["input_tokens"] + event["output_tokens"]
    hour = hour_of(event["request_id"])
    for subject in _subjects(event):
        spend = books.spends[subject, hour, event["gen"]]
        for nth, amount in enumerate((event["charge_n"], tokens, event["points"], 1)):
            spend[nth] += sign * amount


def _subjects(event: Mapping[str, Any]) -> Iterable[str]:
    """Whom a call counts against, as "k:<id>"."""
    yield f"k:{event['key_id']}"
    if event["member_id"] is not None:
        yield f"m:{event['member_id']}"
    if event["team_id"] is not None:
        yield f"t:{event['team_id']}"
    yield from event["quotas"]


def _write(connection: Connection, books: _Books) -> None:
    spends = (
        {
            "scope": name[0],
            "subject_id": name[2:],
            "hour": hour,
            "gen": gen,
            **dict(zip(SPENT, sums, strict=True)),
        }
        for (name, hour, gen), sums in books.spends.items()
    )
    pools = ({"wallet_id": w, "gen": g, "charge_n": charge} for (w, g), charge in books.posted.items())
    wallets = (
        {"wallet_id": wallet_id, "charge_n": charge, "leased_n": leased}
        for wallet_id, (charge, leased) in books.wallets.items()
    )
    for statement, rows in (
        (WRITE_EVENTS, books.events),
        (WRITE_DAILY, books.daily.values()),
        (WRITE_SPENDS, spends),
        (WRITE_LEDGER, books.ledger),
        (WRITE_POOLS, pools),
        (WRITE_WALLETS, wallets),
    ):
        _run(connection, statement, list(rows))


def _run(connection: Connection, statement: TextClause, rows: list[Any]) -> None:
    if rows:
        connection.execute(statement, {"rows": _json(rows).decode()})
