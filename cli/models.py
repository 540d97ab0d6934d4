"""`model`: what callers can name, and who serves it at which prices."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, TypeVar

import click
from sqlalchemy.orm import Session

from cli.answers import Answer, facts, table
from cli.environment import in_transaction
from cli.options import Noun
from core.actions import models as actions
from core.actions.offers import add_offer, set_enabled
from core.errors import NotFound
from core.models import Model
from core.money import format_usd, usd
from core.queries.catalog import listing, offer_of
from core.rules.prices import PER_MILLION

F = TypeVar("F", bound=Callable[..., Any])
MODES = ("chat", "completion", "embedding")
PRICES = ("input", "output", "cached_read", "cache_write", "reasoning")


@click.group("model", cls=Noun)
def models() -> None:
    """Models and their offers. A change is in force within two seconds."""


def price_options(command: F) -> F:
    """An option a price; input and output must be given, for a model without a price is not callable."""
    for name in reversed(PRICES):
        needed = name in {"input", "output"}
        command = click.option(
            f"--{name.replace('_', '-')}",
            metavar="USD",
            required=needed,
            help=f"USD for 1M {name.replace('_', ' ')} tokens{'' if needed else '; not given: as the rest'}.",
        )(command)
    return command


@models.command("add")
@click.argument("model_id", metavar="MODEL")
@click.option("--provider", required=True, metavar="NAME", help="Who serves it.")
@click.option("--upstream-model", required=True, help="What the provider calls it.")
@price_options
@click.option("--context", type=int, help="Tokens that fit, input and output together.")
@click.option("--max-output", type=int, help="The most tokens of an answer.")
@click.option("--image-tokens", type=int, help="The most tokens it makes of one image. Not given: 16,384.")
@click.option("--mode", type=click.Choice(MODES), help="What it is called for. A new model is for chat.")
@in_transaction
def add(
    session: Session,
    /,
    model_id: str,
    *,
    provider: str,
    upstream_model: str,
    context: int | None,
    max_output: int | None,
    image_tokens: int | None,
    mode: str | None,
    **prices: str | None,
) -> Answer:
    r"""Offer a model through a provider. Another provider adds an offer, the same one replaces its offer.

    \b
    bazaar model add acme/tiny --provider acme --upstream-model tiny-1 \
        --input 0.15 --output 0.60 --cached-read 0.03 --context 8192
    """
    given = {name: price for name, price in prices.items() if price is not None}
    add_offer(
        session,
        model_id=model_id,
        provider_name=provider,
        upstream_model=upstream_model,
        prices=given,
        context=context,
        max_output=max_output,
        image_tokens=image_tokens,
        mode=mode,
        today=datetime.now(UTC).date(),
    )
    data = {"id": model_id, "provider": provider, "upstream_model": upstream_model}
    shown = [("Model", model_id), ("Provider", f"{provider}, as {upstream_model}")]
    shown += [(f"{name.replace('_', ' ').capitalize()}, 1M", f"${price}") for name, price in given.items()]
    return Answer(data, facts(shown))


@models.command("list")
@click.option("--filter", "text", default="", metavar="TEXT", help="Only ids that contain this.")
@in_transaction
def show(session: Session, /, *, text: str) -> Answer:
    r"""Models with every offer and its prices (USD for 1M tokens).

    \b
    bazaar model list --filter gpt
    """
    rows = session.execute(listing(text)).all()
    data = [
        {**_data(found[0].Model), "offers": [_offer(row) for row in found if row.Offer is not None]}
        for found in (list(group) for _, group in groupby(rows, key=lambda row: row.Model.id))
    ]
    heads = ("MODEL", "CONTEXT", "PROVIDER", "INPUT", "OUTPUT", "STATE")
    lines = [_line(row) for row in rows]
    shown = table(heads, lines, right=frozenset({1, 3, 4})) if lines else "No models."
    return Answer({"models": data}, shown)


@models.command("disable")
@click.argument("model_id", metavar="MODEL")
@click.option("--provider", metavar="NAME", help="Only the offer of this provider.")
@in_transaction
def disable(session: Session, /, model_id: str, *, provider: str | None) -> Answer:
    """Switch a model off, or one of its offers."""
    return _switch(session, model_id, provider, enabled=False)


@models.command("enable")
@click.argument("model_id", metavar="MODEL")
@click.option("--provider", metavar="NAME", help="Only the offer of this provider.")
@in_transaction
def enable(session: Session, /, model_id: str, *, provider: str | None) -> Answer:
    """Switch a model on again, or one of its offers."""
    return _switch(session, model_id, provider, enabled=True)


def _switch(session: Session, model_id: str, provider: str | None, *, enabled: bool) -> Answer:
    word = "enabled" if enabled else "disabled"
    if provider is not None:
        offer = session.scalar(offer_of(model_id, provider))
        if offer is None:
            raise NotFound(f"{provider} does not offer {model_id}. See bazaar model list.")
        set_enabled(session, offer, enabled=enabled)
        data = {"id": model_id, "provider": provider, "enabled": enabled}
        return Answer(data, f"{provider}'s offer of {model_id} is {word}.")
    model = session.get(Model, model_id)
    if model is None:
        raise NotFound(f"There is no model {model_id}. See bazaar model list.")
    actions.set_enabled(session, model, enabled=enabled)
    return Answer({"id": model_id, "enabled": enabled}, f"{model_id} is {word}.")


def _data(model: Model) -> dict[str, object]:
    return {
        "id": model.id,
        "name": model.name,
        "mode": model.mode,
        "context": model.context,
        "max_output": model.max_output,
        "image_tokens": model.image_tokens,
        "enabled": model.enabled,
        "source": model.source,
    }


def _offer(row: Any) -> dict[str, object]:
    """Prices in USD: for 1M units where the unit is small, for one unit otherwise."""
    rates = row.PriceCard.rates
    return {
        "provider": row.Provider.name,
        "upstream_model": row.Offer.upstream_model,
        "enabled": row.Offer.enabled and row.Provider.enabled,
        "prices": {
            name: usd(rate) if name in PER_MILLION else usd(rate) / 1_000_000 for name, rate in rates.items()
        },
    }


def _line(row: Any) -> Sequence[object]:
    model, offer = row.Model, row.Offer
    context = f"{model.context:,}" if model.context else ""
    if offer is None:
        return (model.id, context, "none", "", "", "not callable")
    on = model.enabled and offer.enabled and row.Provider.enabled
    rates = row.PriceCard.rates
    prices = [format_usd(rates[name]) if name in rates else "" for name in ("input", "output")]
    return (model.id, context, row.Provider.name, *prices, "on" if on else "off")
