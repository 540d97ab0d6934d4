"""Loading the committed catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.actions.audit import OPERATOR, Actor, Subject, record
from core.actions.offers import PLAIN_BPS, rates
from core.actions.providers import bump_catalog
from core.ids import uuid7
from core.models import Model, Offer, PriceCard, Provider

PREMIUM_BPS = 15_000  # SPEC section 2: a markup of 1.5


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database holds before the load."""

    providers: dict[str, Provider]
    models: dict[str, Model]
    offers: dict[tuple[str, UUID], Offer]
    cards: dict[UUID, PriceCard]


def load_catalog(session: Session, document: Mapping[str, Any], *, by: Actor = OPERATOR) -> int:
    """Bring providers, models, offers and prices to what a catalogue file says; say how many rows changed.

    What operators added, and credentials, stay as they are. Loading the same file again changes nothing.
    """
    known = _Known(
        providers={p.name: p for p in session.scalars(select(Provider))},
        models={m.id: m for m in session.scalars(select(Model))},
        offers={(o.model_id, o.provider_id): o for o in session.scalars(select(Offer))},
        cards={c.id: c for c in session.scalars(select(PriceCard))},
    )
    changed = sum(_load_provider(session, known, row) for row in document["providers"])
    changed += sum(_load_model(session, known, row) for row in document["models"])
    session.flush()  # offers refer to both
    changes = [change for row in document["models"] if (change := _load_offer(session, known, row))]
    session.flush()  # and to their price cards
    for offer, upstream_model, card_id in changes:
        offer.upstream_model, offer.price_card_id = upstream_model, card_id
        session.add(offer)
    changed += len(changes)
    if changed:
        bump_catalog(session)
        record(session, "catalog.loaded", Subject("catalog", ""), by=by, after={"changed_rows": changed})
    return changed


def _load_provider(session: Session, known: _Known, row: Mapping[str, Any]) -> bool:
    if row["name"] in known.providers:
        return False
    provider = Provider(
        id=uuid7(),
        name=row["name"],
        title=row["title"],
        kind=row["kind"],
        base_url=row["base_url"].rstrip("/"),
    )
    known.providers[provider.name] = provider
    session.add(provider)
    return True


def _load_model(session: Session, known: _Known, row: Mapping[str, Any]) -> bool:
    as_they_are = ("name", "mode", "context", "max_output", "input_modalities", "output_modalities")
    facts = {name: row[name] for name in (*as_they_are, "supported_parameters", "source")}
    facts["image_tokens"] = row.get("image_tokens")
    facts["markup_bps"] = PREMIUM_BPS if row["premium"] else PLAIN_BPS
    facts["as_of"] = date.fromisoformat(row["as_of"])
    model = known.models.get(row["id"])
    if model is None:
        session.add(Model(id=row["id"], **facts))
        return True
    if model.source == "operator" or all(getattr(model, name) == value for name, value in facts.items()):
        return False
    for name, value in facts.items():
        setattr(model, name, value)
    return True


def _load_offer(session: Session, known: _Known, row: Mapping[str, Any]) -> tuple[Offer, str, UUID] | None:
    """The offer of a row with its upstream name and card, when it is new or one of them changed.

    The offer itself is not touched yet: its new card must be in the database first.
    """
    provider = known.providers[row["provider"]]
    tiers = [
        {"above_input_tokens": tier["above_input_tokens"], "rates": rates(tier["prices"])}
        for tier in row.get("tiers") or []
    ]
    as_of = date.fromisoformat(row["as_of"])
    card = PriceCard(id=uuid7(), rates=rates(row["prices"]), tiers=tiers, source=row["source"], as_of=as_of)
    offer = known.offers.get((row["id"], provider.id))
    if offer is not None:
        now = known.cards[offer.price_card_id]
        if now.source == "operator":
            return None
        if (now.rates, now.tiers) == (card.rates, card.tiers):
            renamed = offer.upstream_model != row["upstream_model"]
            return (offer, row["upstream_model"], now.id) if renamed else None
    session.add(card)
    offer = offer or Offer(model_id=row["id"], provider_id=provider.id)
    return offer, row["upstream_model"], card.id
