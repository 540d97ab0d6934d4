"""Reading the catalogue."""

from typing import Any

from sqlalchemy import Select, select

from core.models import CatalogVersion, Model, Offer, PriceCard, Provider


def version() -> Select[int]:
    return select(CatalogVersion.version)


def provider_by_name(name: str) -> Select[Provider]:
    return select(Provider).where(Provider.name == name)


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
