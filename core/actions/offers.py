"""Offers: which provider serves which model, at which prices."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_CEILING
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from core.actions.audit import OPERATOR, Actor, Subject, alter, record
from core.actions.providers import bump_catalog
from core.errors import BadRequest, NotFound
from core.ids import uuid7
from core.models import Model, Offer, PriceCard, Provider
from core.money import plain_decimal
from core.queries.catalog import provider_by_name
from core.rules.prices import PER_MILLION, PER_UNIT

MODEL_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}/[a-z0-9][a-z0-9._:-]{0,99}", re.ASCII)
MAX_CONTEXT = 100_000_000
MAX_UPSTREAM_NAME = 200
MAX_RATE = 10**18  # nano-dollars per million units: USD 1,000 per unit
PLAIN_BPS = 10_000
STOOD_IN_FOR = ("chat", "completion", "embedding", "ocr")  # modes of models


def rates(prices: Mapping[str, str]) -> dict[str, int]:
    """Prices in USD, as text, as nano-dollars per million units; a fraction of that is rounded up.

    Raises BadRequest naming the price that is unknown, negative or out of range.
    """
    result = {}
    for name, text in prices.items():
        if name not in PER_MILLION | PER_UNIT:
            raise BadRequest(f"There is no price called {name}.", param=name)
        try:
            price = plain_decimal(text)
        except ValueError:
            raise BadRequest(
                f"The {name} price must be an amount of dollars, such as 0.15.", param=name
            ) from None
        shift = 15 if name in PER_UNIT else 9
        if not 0 <= price <= MAX_RATE or (rate := price.scaleb(shift)) > MAX_RATE:
            raise BadRequest(f"The {name} price is negative or out of range.", param=name)
        result[name] = int(rate.to_integral_value(ROUND_CEILING))
    return result


def add_offer(
    session: Session,
    *,
    model_id: str,
    provider_name: str,
    upstream_model: str,
    prices: Mapping[str, str],
    context: int | None = None,
    max_output: int | None = None,
    image_tokens: int | None = None,
    mode: str | None = None,
    today: date,
    by: Actor = OPERATOR,
) -> Offer:
    """Offer a model through a provider at these prices (USD); a model not known yet is added.

    Offering it again through the same provider replaces that offer; the old price card stays for its calls.
    """
    _refuse_odd_names(model_id, upstream_model)
    sizes = _sizes(context=context, max_output=max_output, image_tokens=image_tokens)
    provider = session.scalar(provider_by_name(provider_name))
    if provider is None:
        raise NotFound(f"There is no provider named {provider_name}. Add it first.")
    card = PriceCard(id=uuid7(), rates=rates(prices), tiers=[], source="operator", as_of=today)
    session.add(card)
    _put_model(session, model_id, mode=mode, sizes=sizes, today=today)
    session.flush()  # the offer refers to both
    offer = _offer(session, model_id, provider.id) or Offer(model_id=model_id, provider_id=provider.id)
    offer.upstream_model, offer.enabled, offer.price_card_id = upstream_model, True, card.id
    session.add(offer)
    bump_catalog(session)
    after = {"upstream_model": upstream_model, "prices": dict(prices)}
    record(session, "offer.put", _subject(model_id, provider_name), by=by, after=after)
    return offer


def stand_in(session: Session, provider: Provider) -> int:
    """Let a provider serve every priced text model that nobody else can, at its price; say how many are new.

    Where somebody else can serve a model by now, the stand-in steps back.
    """
    served = (
        select(Offer.model_id)
        .join(Provider, Provider.id == Offer.provider_id)
        .where(Provider.id != provider.id, Provider.enabled, Provider.sealed_key.is_not(None), Offer.enabled)
    )
    session.execute(
        update(Offer)
        .where(Offer.provider_id == provider.id)
        .values(enabled=Offer.model_id.not_in(served))
        .execution_options(synchronize_session=False)
    )
    rows = session.execute(_unserved(provider, served)).all()
    session.add_all(
        Offer(model_id=model_id, provider_id=provider.id, upstream_model=model_id, price_card_id=card_id)
        for model_id, card_id in rows
    )
    bump_catalog(session)
    return len(rows)


def _unserved(provider: Provider, served: Select[str]) -> Select[str, UUID]:
    """Models that are offered, but by nobody who could serve them, with a price each."""
    own = select(Offer.model_id).where(Offer.provider_id == provider.id)
    return (
        select(Offer.model_id, Offer.price_card_id)
        .join(Model, Model.id == Offer.model_id)
        .where(
            Model.mode.in_(STOOD_IN_FOR),
            Offer.enabled,
            Offer.model_id.not_in(served),
            Offer.model_id.not_in(own),
        )
        .ext(distinct_on(Offer.model_id))
        .order_by(Offer.model_id)
    )


def set_enabled(session: Session, offer: Offer, *, enabled: bool, by: Actor = OPERATOR) -> None:
    """Let calls use the offer, or none any more."""
    provider = session.get_one(Provider, offer.provider_id)
    subject = _subject(offer.model_id, provider.name)
    if alter(session, offer, {"enabled": enabled}, action="offer.updated", subject=subject, by=by):
        bump_catalog(session)


def _subject(model_id: str, provider_name: str) -> Subject:
    return Subject("offer", f"{model_id} of {provider_name}")


def _refuse_odd_names(model_id: str, upstream_model: str) -> None:
    if not MODEL_ID.fullmatch(model_id):
        raise BadRequest("The model id must look like author/name, in lower case.", param="model")
    if not 1 <= len(upstream_model) <= MAX_UPSTREAM_NAME or not upstream_model.isprintable():
        raise BadRequest(f"The upstream model must have 1 to {MAX_UPSTREAM_NAME} characters.", param="model")


def _sizes(**given: int | None) -> dict[str, int]:
    """Those that are stated. Raises BadRequest for one that is out of range."""
    stated = {name: tokens for name, tokens in given.items() if tokens is not None}
    for name, tokens in stated.items():
        if not 1 <= tokens <= MAX_CONTEXT:
            raise BadRequest(f"{name} must be from 1 to {MAX_CONTEXT:,} tokens.", param=name)
    return stated


def _put_model(
    session: Session, model_id: str, *, mode: str | None, sizes: Mapping[str, int], today: date
) -> None:
    """Add the model if it is not known, and keep what is stated of it."""
    model = session.get(Model, model_id)
    if model is None:
        model = Model(
            id=model_id,
            name=model_id.split("/", 1)[1],
            mode=mode or "chat",
            input_modalities=["text"],
            output_modalities=["text"],
            supported_parameters=[],
            markup_bps=PLAIN_BPS,
            source="operator",
            as_of=today,
        )
        session.add(model)
    model.mode = mode or model.mode
    for name, tokens in sizes.items():
        setattr(model, name, tokens)


def _offer(session: Session, model_id: str, provider_id: object) -> Offer | None:
    return session.scalar(select(Offer).where(Offer.model_id == model_id, Offer.provider_id == provider_id))
