"""A month of believable calls for the demo account: working days busier than weekends, a few models.

The rows are those real calls would have left: usage, ledger, daily sums and balance agree to the nano-dollar.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.charging.booking import book
from core.charging.calls import FINAL, Ending, Entry, final_facts
from core.ids import uuid7
from core.models import ApiKey, Model, Offer, PriceCard
from core.rules.prices import PriceCard as Card
from core.rules.prices import Terms, Usage, cost_of

DAYS = 30
SEED = 20
# How often each is called (weight), and how large its input and output typically are (tokens).
HABITS = (
    ("openai/gpt-4.1-mini", 34, 1800, 320),
    ("anthropic/claude-sonnet-4.6", 18, 5200, 700),
    ("google/gemini-2.5-flash", 26, 2600, 260),
    ("deepseek/deepseek-chat", 14, 1500, 500),
    ("openai/gpt-5-mini", 8, 3000, 900),
)
APPS = ("Support desk", "Nightly report", "")


@dataclass(frozen=True, slots=True)
class Habit:
    model_id: str
    weight: int
    input_tokens: int
    output_tokens: int
    provider: str
    card_id: UUID
    card: Card
    terms: Terms


def plant_usage(session: Session, keys: Sequence[ApiKey], *, fee_bps: int, now: datetime) -> int:
    """Give the account of these keys its month. Returns how many calls it made."""
    chance = random.Random(SEED)  # noqa: S311  # a demo, the same each time
    habits = _habits(session, fee_bps=fee_bps)
    if not habits:
        return 0
    calls = [_call(chance, at, chance.choice(keys), _pick(chance, habits)) for at in _moments(chance, now)]
    book(session.connection(), calls)
    return len(calls)


def _habits(session: Session, *, fee_bps: int) -> list[Habit]:
    """The habits whose model the catalogue knows."""
    found = []
    for model_id, weight, input_tokens, output_tokens in HABITS:
        row = session.execute(
            select(PriceCard, Model.markup_bps)
            .join(Offer, Offer.price_card_id == PriceCard.id)
            .join(Model, Model.id == Offer.model_id)
            .where(Offer.model_id == model_id)
            .limit(1)
        ).one_or_none()
        if row is not None:
            card, terms = Card(str(row[0].id), row[0].rates), Terms(row[1], fee_bps)
            provider = model_id.split("/", 1)[0]
            habit = Habit(model_id, weight, input_tokens, output_tokens, provider, row[0].id, card, terms)
            found.append(habit)
    return found


def _pick(chance: random.Random, habits: Sequence[Habit]) -> Habit:
    return chance.choices(habits, weights=[habit.weight for habit in habits])[0]


def _moments(chance: random.Random, now: datetime) -> list[datetime]:
    """When calls ended: office hours in Taipei (01 to 11 UTC) on working days, a little at other times."""
    moments = []
    for back in range(DAYS, 0, -1):
        day = (now - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
        busy = 14 if day.weekday() >= 5 else 60  # noqa: PLR2004  # Saturday
        calls = chance.randint(busy // 2, busy + busy // 2)
        moments += [day + timedelta(seconds=chance.triangular(1, 11, 6) * 3600) for _ in range(calls)]
    return sorted(moments)


def _call(chance: random.Random, at: datetime, key: ApiKey, habit: Habit) -> Entry:
    into = int(habit.input_tokens * chance.lognormvariate(0, 0.5))
    out = int(habit.output_tokens * chance.lognormvariate(0, 0.5)) + 1
    cached = into // 2 if chance.random() < 0.3 else 0  # noqa: PLR2004  # three calls in ten repeat a prefix
    usage = Usage(input_tokens=into, output_tokens=out, cached_tokens=cached)
    cost = cost_of(usage, habit.card, habit.terms)
    ending = Ending(
        provider=habit.provider,
        usage=usage,
        cost=cost,
        status=200,
        reason="done",
        finish_reason="stop",
        duration_ms=300 + out * 14,
        first_byte_ms=chance.randint(180, 900),
    )
    return Entry(
        request_id=uuid7(int(at.timestamp() * 1000)),
        wallet_id=key.wallet_id,
        rank=FINAL,
        charge_n=cost.charge_n,
        facts={**_asked(chance, key, habit), **final_facts(ending), "ended_at": at},
    )


def _asked(chance: random.Random, key: ApiKey, habit: Habit) -> dict[str, Any]:
    """What a call's row says of who asked for what."""
    return {
        "user_id": key.user_id,
        "key_id": key.id,
        "team_id": key.team_id,
        "member_id": key.member_id,
        "model_id": habit.model_id,
        "price_card_id": habit.card_id,
        "stream": chance.random() < 0.6,  # noqa: PLR2004
        "app_name": chance.choice(APPS),
        "app_url": "",
        "quotas": (),
    }


def start_of_month(now: datetime) -> datetime:
    """When the demo's first credits were given: before its first call."""
    return (now - timedelta(days=DAYS + 1)).astimezone(UTC)
