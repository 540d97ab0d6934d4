"""The catalogue is loaded, loaded again without a change, and never over what operators did."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from core.actions.catalog import load_catalog
from core.models import Model, Offer, PriceCard, Provider
from core.queries.audit import entries

MODEL = {
    "id": "acme/large",
    "name": "Large",
    "mode": "chat",
    "context": 200_000,
    "max_output": 8192,
    "input_modalities": ["text"],
    "output_modalities": ["text"],
    "supported_parameters": ["tools"],
    "premium": True,
    "source": "catalogue",
    "as_of": "2026-05-04",
    "provider": "acme",
    "upstream_model": "large-1",
    "prices": {"input": "3", "output": "15"},
    "tiers": [{"above_input_tokens": 100_000, "prices": {"input": "6"}}],
}
DOCUMENT = {
    "providers": [
        {"name": "acme", "title": "Acme", "kind": "openai", "base_url": "https://api.acme.example/v1/"}
    ],
    "models": [
        MODEL,
        {**MODEL, "id": "acme/small", "upstream_model": "small-1", "premium": False, "tiers": None},
    ],
}


@pytest.fixture
def load(db):
    def loaded(**changes):
        document = deepcopy(DOCUMENT)
        document["models"][0].update(changes)
        changed = load_catalog(db, document)
        db.commit()
        return changed

    return loaded


def offered(db, model_id="acme/large"):
    return db.execute(
        select(Offer, PriceCard)
        .join(PriceCard, PriceCard.id == Offer.price_card_id)
        .where(Offer.model_id == model_id)
    ).one()


def version(db):
    return db.scalar(text("SELECT version FROM catalog_version"))


def test_a_catalogue_brings_providers_models_offers_and_prices(db, load):
    changed = load()

    assert changed == 1 + 2 + 2
    assert db.scalar(select(Provider.base_url)) == "https://api.acme.example/v1"
    assert {m.id: m.markup_bps for m in db.scalars(select(Model))} == {
        "acme/large": 15_000,
        "acme/small": 10_000,
    }
    offer, card = offered(db)
    assert (offer.upstream_model, card.rates) == ("large-1", {"input": 3 * 10**9, "output": 15 * 10**9})
    assert card.tiers == [{"above_input_tokens": 100_000, "rates": {"input": 6 * 10**9}}]


def test_loading_is_written_down_when_it_changed_something(db, load):
    load()
    load()

    (entry,) = db.scalars(entries()).all()
    assert (entry.action, entry.after) == ("catalog.loaded", {"changed_rows": 5})


def test_loading_again_changes_nothing(db, load):
    load()
    before = version(db)

    assert load() == 0

    assert version(db) == before
    assert db.scalar(text("SELECT count(*) FROM price_cards")) == 2


@pytest.mark.parametrize("change", [{"prices": {"input": "4", "output": "15"}}, {"tiers": []}])
def test_a_new_price_is_a_new_card(db, load, change):
    load()
    old = offered(db)[1].id

    assert load(**change) == 1

    assert offered(db)[1].id != old
    assert db.get(PriceCard, old).rates["input"] == 3 * 10**9


def test_a_new_upstream_name_is_taken_over_without_a_new_card(db, load):
    load()
    card = offered(db)[1].id
    before = version(db)

    assert load(upstream_model="large-2") == 1

    assert (offered(db)[0].upstream_model, offered(db)[1].id) == ("large-2", card)
    assert version(db) > before


def test_new_facts_of_a_model_are_taken_over(db, load):
    load()

    assert load(context=1_000_000, premium=False) == 1

    model = db.get(Model, "acme/large")
    assert (model.context, model.markup_bps) == (1_000_000, 10_000)


def test_what_operators_did_stays(db, load, make):
    make.provider(base_url="http://127.0.0.1:9/v1")
    load()
    offer = make.offer("acme/large", prices={"input": "1", "output": "1"})
    offer.enabled = False
    sealed = db.scalar(select(Provider.sealed_key))
    db.commit()

    assert load(prices={"input": "9", "output": "9"}) <= 1

    offer, card = offered(db)
    assert (card.source, card.rates["input"], offer.enabled) == ("operator", 10**9, False)
    assert db.scalar(select(Provider.base_url)) == "http://127.0.0.1:9/v1"
    assert db.scalar(select(Provider.sealed_key)) == sealed
    assert datetime.now(UTC) >= offer.created_at


def test_what_a_model_makes_of_an_image_is_loaded_where_it_is_known(db, load):
    load()
    assert db.get(Model, "acme/large").image_tokens is None

    assert load(image_tokens=1445) == 1
    assert load(image_tokens=1445) == 0
    assert db.get(Model, "acme/large").image_tokens == 1445
