"""Reading the catalogue."""

from typing import Any

from sqlalchemy import Select, select

from core.models import CatalogVersion, Model, Offer, PriceCard, Provider


def version() -> Select[int]:
    return select(CatalogVersion.version)


def provider_by_name(name: str) -> Select[Provider]:
    return select(Provider).where(Provider.name == name)


def model_facts() -> Select[*tuple[Any, ...]]:
    """A row a model that is switched on, by id."""
    return select(*Model.__table__.columns).where(Model.enabled).order_by(Model.id)


def offer_facts() -> Select[*tuple[Any, ...]]:
    """A row an offer that is on, with its prices and the provider to reach it by."""
    return (
        select(
            Offer.model_id,
            Offer.upstream_model,
            Offer.price_card_id,
            PriceCard.rates,
            PriceCard.tiers,
            Provider.id.label("provider_id"),
            Provider.name.label("provider_name"),
            Provider.kind,
            Provider.base_url,
            Provider.sealed_key,
            Provider.allow_private,
        )
        .join(PriceCard, PriceCard.id == Offer.price_card_id)
        .join(Provider, Provider.id == Offer.provider_id)
        .join(Model, Model.id == Offer.model_id)
        .where(Offer.enabled, Provider.enabled, Model.enabled)
        .order_by(Offer.model_id, Provider.name)
    )


def first_callable() -> Select[str]:
    """A chat model that can be called, for an example to paste."""
    return (
        select(Offer.model_id)
        .join(Provider, Provider.id == Offer.provider_id)
        .join(Model, Model.id == Offer.model_id)
        .where(Offer.enabled, Provider.enabled, Model.enabled, Model.mode == "chat")
        .order_by(Offer.model_id)
        .limit(1)
    )
