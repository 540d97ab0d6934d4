"""The catalogue: models, who offers them, and at which prices."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, uuid_pk


class Model(Base):
    """A model callers can name, `author/name`."""

    __tablename__ = "models"
    __table_args__ = (CheckConstraint("markup_bps >= 10000", name="markup"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    mode: Mapped[str]  # chat, embedding, image, speech, transcription, video, completion
    context: Mapped[int | None] = mapped_column(BigInteger)  # tokens
    max_output: Mapped[int | None] = mapped_column(BigInteger)  # tokens
    image_tokens: Mapped[int | None] = mapped_column(BigInteger)  # the most it makes of one image
    input_modalities: Mapped[list[str]] = mapped_column(ARRAY(Text))
    output_modalities: Mapped[list[str]] = mapped_column(ARRAY(Text))
    supported_parameters: Mapped[list[str]] = mapped_column(ARRAY(Text))
    markup_bps: Mapped[int] = mapped_column(BigInteger, default=10_000)
    enabled: Mapped[bool] = mapped_column(default=True)
    source: Mapped[str]  # where the row came from: the catalogue, or an operator
    as_of: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PriceCard(Base):
    """One version of a price. Immutable: a call is charged by the card of its admission, for ever."""

    __tablename__ = "price_cards"

    id: Mapped[uuid_pk]
    rates: Mapped[dict[str, int]] = mapped_column(JSONB)  # nano-dollars per million units
    tiers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)  # [{"above_input_tokens", "rates"}]
    source: Mapped[str]
    as_of: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Offer(Base):
    """A provider's offer to serve a model, under its own name for it, at its current price card."""

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("model_id", "provider_id"),
        Index("ix_offers_provider_id", "provider_id"),
    )

    id: Mapped[uuid_pk]
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id"))
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("providers.id"))
    upstream_model: Mapped[str]
    price_card_id: Mapped[UUID] = mapped_column(ForeignKey("price_cards.id"))
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CatalogVersion(Base):
    """One row, whose number grows with every change: running processes notice and read again."""

    __tablename__ = "catalog_version"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
