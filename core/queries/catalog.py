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


def all_providers() -> Select[Provider]:
    """Every provider, those switched off too."""
    return select(Provider).order_by(Provider.name)


def offer_facts() -> Select[*tuple[Any, ...]]:
    """A row an offer that is on, with its prices and the provider to reach it by."""
    return (
        select(
            Offer.model_id,
            Offer.upstream_model,
            Offer.price_card_id,
            Model.mode,
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


def offer_of(model_id: str, provider_name: str) -> Select[Offer]:
    """One provider's offer of a model, on or off."""
    return (
        select(Offer)
        .join(Provider, Provider.id == Offer.provider_id)
        .where(Offer.model_id == model_id, Provider.name == provider_name)
    )


def listing(text: str) -> Select[*tuple[Any, ...]]:
    """A row an offer, on or off, of the models whose id contains `text`; one for a model nobody offers."""
    return (
        select(Model, Offer, PriceCard, Provider)
        .outerjoin(Offer, Offer.model_id == Model.id)
        .outerjoin(PriceCard, PriceCard.id == Offer.price_card_id)
        .outerjoin(Provider, Provider.id == Offer.provider_id)
        .where(Model.id.contains(text.lower(), autoescape=True))
        .order_by(Model.id, Provider.name)
    )
