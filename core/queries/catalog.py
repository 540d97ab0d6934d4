"""Reading the catalogue."""

from typing import Any

from sqlalchemy import Select, select

from core.models import CatalogVersion, Model, Offer, PriceCard, Provider


def version() -> Select[int]:
    return select(CatalogVersion.version)


def provider_by_name(name: str) -> Select[Provider]:
    return select(Provider).where(Provider.name == name)


def all_providers() -> Select[Provider]:
    """Every provider, those switched off too."""
    return select(Provider).order_by(Provider.name)


def models() -> Select[Model]:
    """The models that are switched on."""
    return select(Model).where(Model.enabled).order_by(Model.id)


def offers() -> Select[*tuple[Any, ...]]:
    """Every offer that is on, with its price card and the provider to reach it by."""
    return (
        select(Offer, PriceCard, Provider)
        .join(PriceCard, PriceCard.id == Offer.price_card_id)
        .join(Provider, Provider.id == Offer.provider_id)
        .join(Model, Model.id == Offer.model_id)
        .where(Offer.enabled, Provider.enabled, Model.enabled)
        .order_by(Offer.model_id, Provider.name)
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
