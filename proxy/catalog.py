"""The catalogue as the proxy holds it: an immutable snapshot in memory, read anew when its version grows."""

import asyncio
import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import BadRequest, NotFound, Unavailable
from core.queries import catalog as queries
from core.rules.prices import PriceCard, Terms, Tier
from core.secrets import unseal

REFRESH_S = 1.0
# Where models of a mode are called. Those of other modes have no endpoint.
PATHS = {"chat": "/chat/completions", "completion": "/completions", "embedding": "/embeddings"}
MAX_ID = 200  # as much of an unknown one is told
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Provider:
    """Where an offer is served. The credential is kept out of every repr."""

    id: UUID
    name: str
    kind: str
    base_url: str
    allow_private: bool
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider's offer that can be called: it has a credential and a complete price."""

    provider: Provider
    upstream_model: str
    card: PriceCard
    mode: str = "chat"  # its model's
    name: str = field(init=False, compare=False, repr=False)  # what processes call it by among themselves

    def __post_init__(self) -> None:
        name = f"{self.provider.id.hex}:{self.upstream_model}"
        object.__setattr__(self, "name", name)  # frozen for everybody else


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the catalogue. `card` is its cheapest price; None when nobody states one."""

    id: str
    name: str
    mode: str
    context: int | None
    max_output: int | None
    input_modalities: tuple[str, ...]
    output_modalities: tuple[str, ...]
    supported_parameters: tuple[str, ...]
    terms: Terms
    created_at: datetime
    card: PriceCard | None
    offers: tuple[Offer, ...]
    image_tokens: int | None = None  # the most it makes of one image

    @property
    def reasons(self) -> bool:
        """Say whether it may produce output that is billed and not sent."""
        known = "reasoning" in self.supported_parameters or "include_reasoning" in self.supported_parameters
        return known or any("reasoning" in offer.card.rates for offer in self.offers)


@dataclass(frozen=True, slots=True, eq=False)  # one state of the catalogue is equal to itself only
class Snapshot:
    version: int
    models: Mapping[str, Model]

    def model(self, name: str, *, param: str = "model") -> Model:
        """The model of this id. Raises a refusal that names the likely one."""
        model = self.models.get(name)
        if model is None:
            raise self._unknown(name[:MAX_ID], param)
        return model

    def callable_model(self, name: str, *, modes: Collection[str], param: str = "model") -> Model:
        """The model a call names, ready to be called, when it is of one of these modes.

        Raises a refusal that names the likely model, or the endpoint to call it at.
        """
        model = self.model(name, param=param)
        if model.mode not in modes:
            raise _wrong_endpoint(model, param)
        if not model.offers:
            raise Unavailable(
                f"No provider is configured for {name} right now. Choose another model or ask the operator.",
                retry_after_s=60,
            )
        return model

    def _unknown(self, name: str, param: str) -> BadRequest | NotFound:
        if "/" not in name:
            tails = {known: known.split("/", 1)[1] for known in self.models}
            close = [known for known, tail in tails.items() if tail == name]
            close = close or [known for known, tail in tails.items() if tail.startswith(name)]
            hint = f" Did you mean {', '.join(sorted(close)[:3])}?" if close else ""
            return BadRequest(
                f"Model ids look like provider/model-name; {name!r} lacks the provider.{hint}", param=param
            )
        near = difflib.get_close_matches(name, self.models, n=3, cutoff=0.6)
        hint = f" The nearest are {', '.join(near)}." if near else " GET /api/v1/models lists them."
        return NotFound(f"There is no model {name!r}.{hint}", code="model_not_found")


class Catalog:
    """Keeps `now` at what the database says, at most about a second behind."""

    def __init__(self, engine: AsyncEngine, *, provider_secret: bytes, fee_bps: int) -> None:
        self._engine = engine
        self._secret = provider_secret
        self._fee_bps = fee_bps
        self.now = Snapshot(version=0, models={})

    async def refresh(self) -> None:
        """Read the catalogue again if it changed."""
        async with self._engine.connect() as connection:
            version = (await connection.execute(queries.version())).scalar_one()
            if version != self.now.version:
                self.now = Snapshot(version=version, models=await self._read(connection))

    async def keep_fresh(self) -> None:
        """Run until cancelled. While the database is away the last snapshot serves on."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("catalog_not_refreshed", error=type(error).__name__)

    async def _read(self, connection: AsyncConnection) -> dict[str, Model]:
        offers: dict[str, list[Offer]] = {}
        cards: dict[str, list[PriceCard]] = {}
        for row in await connection.execute(queries.offer_facts()):
            card = _card(row)
            if not card.is_complete(row.mode):
                continue
            cards.setdefault(row.model_id, []).append(card)
            if (key := self._credential(row)) is not None:
                provider = Provider(
                    id=row.provider_id,
                    name=row.provider_name,
                    kind=row.kind,
                    base_url=row.base_url,
                    allow_private=row.allow_private,
                    api_key=key,
                )
                offer = Offer(provider, row.upstream_model, card, row.mode)
                offers.setdefault(row.model_id, []).append(offer)
        rows = await connection.execute(queries.model_facts())
        return {row.id: self._model(row, cards.get(row.id, []), offers.get(row.id, [])) for row in rows}

    def _credential(self, row: Any) -> str | None:
        if row.sealed_key is None:
            return None
        try:
            return unseal(self._secret, row.sealed_key, context=f"provider:{row.provider_name}")
        except ValueError as error:  # sealed with another secret: the operator must set the key again
            _log.error("provider_key_unreadable", provider=row.provider_name, error=str(error))
            return None

    def _model(self, row: Any, cards: list[PriceCard], offers: list[Offer]) -> Model:
        return Model(
            id=row.id,
            name=row.name,
            mode=row.mode,
            context=row.context,
            max_output=row.max_output,
            input_modalities=tuple(row.input_modalities),
            output_modalities=tuple(row.output_modalities),
            supported_parameters=tuple(row.supported_parameters),
            terms=Terms(markup_bps=row.markup_bps, fee_bps=self._fee_bps),
            created_at=row.created_at,
            card=min(cards, key=_typical_price, default=None),
            offers=tuple(sorted(offers, key=lambda offer: _typical_price(offer.card))),
            image_tokens=row.image_tokens,
        )


def _wrong_endpoint(model: Model, param: str) -> BadRequest:
    if model.mode == "video":
        return BadRequest(
            f"{model.id} makes videos: submit a job to /api/v1/videos instead.",
            param=param,
            code="wrong_endpoint_for_video",
        )
    path = PATHS.get(model.mode)
    where = f": call it at /api/v1{path}" if path is not None else ", and there is no endpoint for that"
    return BadRequest(f"{model.id} cannot be used here. Its mode is {model.mode}{where}.", param=param)


def _card(row: Any) -> PriceCard:
    rates = {"output": 0, **row.rates} if row.mode == "embedding" else row.rates  # vectors are no output
    tiers = (Tier(tier["above_input_tokens"], tier["rates"]) for tier in row.tiers)
    return PriceCard(
        id=str(row.price_card_id),
        rates=rates,
        tiers=tuple(sorted(tiers, key=lambda tier: tier.above_input_tokens)),
    )


def _typical_price(card: PriceCard) -> int:
    """Three parts input to one part output: what most calls look like. Or a page."""
    if not card.is_complete():
        return card.rates["page"]
    return 3 * card.rates["input"] + card.rates["output"]
