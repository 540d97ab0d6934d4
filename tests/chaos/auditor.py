"""Says what is wrong with the money, from what PostgreSQL, the simulator and the clients say, and from prices.

It shares no code with the product: whoever makes a mistake there does not make it here again. Every finding is
a sentence; none is good news. The invariants are those of docs/charging.md, where their numbers come from.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from tests.chaos.books import Books, Row
from tests.chaos.client import Seen
from tests.chaos.truth import Served

MILLION, BPS = 1_000_000, 10_000
FINAL = 2
REFUSED = frozenset({400, 401, 402, 403, 404, 413, 429, 503})
CALL_KINDS = frozenset({"usage", "adjustment"})
OPEN = frozenset({"active", "old"})
ROUGHLY = 16  # tokens: who must estimate an input counts all of the body, not only what is said in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs, in nano-dollars per million tokens, and what comes on top, in basis points."""

    input_n: int
    output_n: int
    markup_bps: int = BPS
    fee_bps: int = 1000

    def of(self, prompt: int, completion: int) -> int:
        millionths = prompt * self.input_n + completion * self.output_n
        return -(-millionths * self.markup_bps * (BPS + self.fee_bps) // (MILLION * BPS * BPS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """What some keys together may spend on calls made from one moment to another."""

    label: str
    keys: frozenset[str]
    limit_n: int
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    until: datetime = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Evidence:
    """All that is known. `lag_s`: how far the last checkpoint of a proxy that died may lie back."""

    books: Books
    truth: Sequence[Served]
    prices: Mapping[str, Price]
    seen: Sequence[Seen] = ()
    caps: Sequence[Cap] = ()
    lag_s: float = 2.5
    rows: dict[str, Row] = field(init=False)
    served: dict[str, Served] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = {row["request_id"]: row for row in self.books.usage}
        self.served = {call.request_id: call for call in self.truth if call.request_id}


def audit(evidence: Evidence) -> list[str]:
    """Everything that is wrong once all calls have ended. Empty is good."""
    checks = (balances, bookings, single_rows, charges, free_rides, clients, at_rest, pools, caps)
    return [finding for check in checks for finding in check(evidence)]


def balances(evidence: Evidence) -> Iterator[str]:
    """I3: a balance is the sum of its ledger, and never less than its credit limit allows."""
    sums: Counter[str] = Counter()
    for entry in evidence.books.ledger:
        sums[entry["wallet_id"]] += entry["amount_n"]
    for wallet in evidence.books.wallets:
        name, balance_n = wallet["id"], wallet["balance_n"]
        if balance_n != sums[name]:
            yield f"wallet {name} has {balance_n}, its ledger adds up to {sums[name]}"
        if balance_n + wallet["credit_limit_n"] < 0:
            yield f"wallet {name} is overspent by {-balance_n - wallet['credit_limit_n']}"


def bookings(evidence: Evidence) -> Iterator[str]:
    """I3: the ledger took what the usage rows say, wallet by wallet, and call by call where it names calls."""
    charged: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    by_call: Counter[str] = Counter()
    for row in evidence.books.usage:
        charged[row["wallet_id"]] += row["charge_n"]
    for entry in evidence.books.ledger:
        if entry["kind"] in CALL_KINDS:
            taken[entry["wallet_id"]] -= entry["amount_n"]
            by_call[entry["ref"]] -= entry["amount_n"]
    for name in sorted(charged.keys() | taken.keys()):
        if charged[name] != taken[name]:
            yield f"wallet {name} was charged {charged[name]}, its ledger took {taken[name]}"
    for ref, taken_n in by_call.items():
        row = evidence.rows.get(ref)
        if row is not None and row["charge_n"] != taken_n:
            yield f"call {ref} was charged {row['charge_n']}, the ledger took {taken_n}"


def single_rows(evidence: Evidence) -> Iterator[str]:
    """I4: one row for each call the simulator served, one serving for each call, and on its own day."""
    for name, count in Counter(call.request_id for call in evidence.truth if call.request_id).items():
        if count > 1:
            yield f"call {name} was sent to the provider {count} times"
        if name not in evidence.rows:
            yield f"call {name} is lost: it was served and has no usage row"
    for name, count in Counter(row["request_id"] for row in evidence.books.usage).items():
        if count > 1:
            yield f"call {name} has {count} usage rows"
    for name, row in evidence.rows.items():
        if row["day"] != made_at(name).date():
            yield f"call {name} is booked on {row['day']}, it was made on {made_at(name).date()}"


def made_at(request_id: str) -> datetime:
    """The moment in an id of version 7: its first 48 bits are Unix milliseconds."""
    return datetime.fromtimestamp((UUID(request_id).int >> 80) / 1000, UTC)


def charges(evidence: Evidence) -> Iterator[str]:
    """I9: a call costs what the provider produced, at the price; one that was cut, no more than was sent."""
    for name, row in evidence.rows.items():
        call, price = evidence.served.get(name), evidence.prices.get(row["model_id"])
        if call is None or price is None:
            continue
        charge_n = row["charge_n"]
        if row["disputed"]:
            yield f"call {name} is disputed, and the provider was honest"
        if row["rank"] == FINAL and not row["estimated"]:
            full_n = price.of(call.prompt, call.completion)
            if charge_n not in {0, full_n} or (row["status"] < 400 and charge_n == 0):
                yield f"call {name} ({row['reason']}) cost {charge_n}, it should be {full_n}"
            continue
        most_n = price.of(call.prompt + ROUGHLY, call.sent)
        least_n = 0 if row["rank"] == FINAL else price.of(0, known(call, lag_s=evidence.lag_s))
        if not least_n <= charge_n <= most_n:
            yield f"call {name} ({row['reason']}) cost {charge_n}, it should be {least_n} to {most_n}"


def known(call: Served, *, lag_s: float) -> int:
    """The tokens that must have been known of a call whose proxy died, if they came at an even pace."""
    if not call.stream or call.lasted_s <= lag_s:
        return 0
    return max(0, int(call.sent * (1 - lag_s / call.lasted_s)) - 2)


def free_rides(evidence: Evidence) -> Iterator[str]:
    """I4, the other way: nobody pays for what no provider did."""
    for name, row in evidence.rows.items():
        if row["charge_n"] < 0 or (row["charge_n"] and name not in evidence.served):
            yield f"call {name} ({row['reason']}) cost {row['charge_n']}, and the provider was never asked"


def clients(evidence: Evidence) -> Iterator[str]:
    """I4, I5, I9: what the clients saw is what is written."""
    for seen in evidence.seen:
        if seen.status is None or seen.request_id is None:
            continue
        row = evidence.rows.get(seen.request_id)
        if seen.status == 500:
            yield f"call {seen.request_id} was answered with status 500"
        if seen.status in REFUSED:
            if seen.request_id in evidence.served:
                yield f"call {seen.request_id} was refused with {seen.status}, and was sent to the provider"
            if row is not None and row["charge_n"]:
                yield f"call {seen.request_id} was refused with {seen.status}, and cost {row['charge_n']}"
        elif row is None:
            if seen.tokens or (seen.is_complete and seen.status < 400):
                yield f"call {seen.request_id} was answered and has no usage row"
        else:
            yield from _answered(evidence, seen, row)


def _answered(evidence: Evidence, seen: Seen, row: Row) -> Iterator[str]:
    if seen.cost_n is not None and (row["rank"], row["charge_n"]) != (FINAL, seen.cost_n):
        yield (
            f"call {seen.request_id} told its client {seen.cost_n}, it is booked at {row['charge_n']}"
            f" with rank {row['rank']}"
        )
    price = evidence.prices.get(row["model_id"])
    if price is not None and row["rank"] == FINAL:
        least_n = price.of(0, seen.tokens)
        if row["charge_n"] < least_n:
            yield f"call {seen.request_id} gave its client {seen.tokens} tokens for {row['charge_n']}"


def at_rest(evidence: Evidence) -> Iterator[str]:
    """I6: when nothing runs, nothing is held."""
    for hold in evidence.books.holds:
        yield f"call {hold['request_id']} still holds {hold['amount_n']}"
    for wallet in evidence.books.wallets:
        if wallet["held_n"]:
            yield f"wallet {wallet['id']} still has {wallet['held_n']} held"


def pools(evidence: Evidence) -> Iterator[str]:
    """I2, I6: no more is posted than was granted, and a wallet's leases are what its open pools still have."""
    if evidence.books.pools is None:
        return
    outstanding: defaultdict[str, int] = defaultdict(int)
    for pool in evidence.books.pools:
        name = f"pool {pool['wallet_id']} of generation {pool['gen']}"
        left_n = pool["granted_n"] - pool["posted_n"] - pool["returned_n"]
        if pool["posted_n"] > pool["granted_n"]:
            yield f"{name} posted {pool['posted_n']} of {pool['granted_n']}"
        if pool["state"] in OPEN:
            outstanding[pool["wallet_id"]] += max(0, left_n)
    for wallet in evidence.books.wallets:
        if wallet["leased_n"] != outstanding[wallet["id"]]:
            yield (
                f"wallet {wallet['id']} has {wallet['leased_n']} leased,"
                f" its open pools have {outstanding[wallet['id']]}"
            )


def caps(evidence: Evidence) -> Iterator[str]:
    """I7: no limit is passed, in the period each call was made in."""
    rows = defaultdict(list)
    for name, row in evidence.rows.items():
        if row["charge_n"]:
            rows[row["key_id"]].append((made_at(name), row["charge_n"]))
    for cap in evidence.caps:
        calls = (call for key in cap.keys for call in rows[key])
        spent_n = sum(charge_n for at, charge_n in calls if cap.since <= at < cap.until)
        if spent_n > cap.limit_n:
            yield f"{cap.label} spent {spent_n} of {cap.limit_n}, {spent_n - cap.limit_n} too much"
