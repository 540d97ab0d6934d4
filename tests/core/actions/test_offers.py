"""Offers: exact prices, each change a new card."""

from datetime import date

import pytest
from sqlalchemy import func, select, text

from core.actions.offers import add_offer, rates, stand_in
from core.actions.providers import set_key
from core.errors import BadRequest, NotFound
from core.models import Model, Offer, PriceCard
from core.queries.audit import entries
from core.queries.catalog import provider_by_name

TODAY = date(2026, 5, 4)


@pytest.mark.parametrize(
    ("prices", "read"),
    [
        ({"input": "0.15", "output": "0.60"}, {"input": 150_000_000, "output": 600_000_000}),
        ({"input": "0"}, {"input": 0}),
        ({"input": "0.0000000001"}, {"input": 1}),  # a fraction is rounded up
        ({"input": "1e-3"}, {"input": 1_000_000}),
        ({"image": "0.04"}, {"image": 40_000_000_000_000}),  # USD for one, so nano-dollars for a million
        ({"request": "0.005"}, {"request": 5_000_000_000_000}),
        ({}, {}),
    ],
)
def test_prices_are_read_exactly(prices, read):
    assert rates(prices) == read


@pytest.mark.parametrize(
    "price",
    [
        "-1",
        "NaN",
        "sNaN",
        "Infinity",
        "free",
        "",
        "1_0",
        "1e400",
        "1e999999",
        "1e18446744073709551616",
        "10000000000",
    ],
)
def test_a_price_that_makes_no_sense_is_named(price):
    with pytest.raises(BadRequest) as refusal:
        rates({"input": price})

    assert refusal.value.param == "input"


def test_an_unknown_price_is_named():
    with pytest.raises(BadRequest) as refusal:
        rates({"inputs": "1"})

    assert refusal.value.param == "inputs"


def test_offering_an_unknown_model_adds_it(db, make):
    make.provider()

    offer = make.offer(
        "acme/new", prices={"input": "1", "output": "2"}, context=4096, max_output=512, image_tokens=258
    )

    model = db.get(Model, "acme/new")
    assert (model.name, model.mode, model.context, model.max_output) == ("new", "chat", 4096, 512)
    assert model.image_tokens == 258
    assert (model.source, model.markup_bps) == ("operator", 10_000)
    assert db.get(PriceCard, offer.price_card_id).rates == {"input": 10**9, "output": 2 * 10**9}


def test_offering_again_replaces_the_offer_and_keeps_the_old_card(db, make):
    make.provider()
    first = make.offer(prices={"input": "1"})
    old_card = first.price_card_id
    version = db.scalar(text("SELECT version FROM catalog_version"))

    second = make.offer(prices={"input": "2"}, upstream_model="tiny-2")

    assert (second.id, second.upstream_model) == (first.id, "tiny-2")
    assert second.price_card_id != old_card
    assert db.get(PriceCard, old_card).rates["input"] == 10**9
    assert db.scalar(select(func.count()).select_from(Offer)) == 1
    assert db.scalar(text("SELECT version FROM catalog_version")) > version


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("model", {"model_id": "tiny"}),
        ("model", {"model_id": "Acme/Tiny"}),
        ("model", {"model_id": "acme/tiny\n"}),
        ("model", {"model_id": "acme/" + "x" * 101}),
        ("model", {"upstream_model": ""}),
        ("model", {"upstream_model": "x" * 201}),
        ("model", {"upstream_model": "a\r\nb"}),
        ("context", {"context": 0}),
        ("max_output", {"max_output": 100_000_001}),
        ("image_tokens", {"image_tokens": 0}),
        ("input", {"prices": {"input": "-1"}}),
    ],
)
def test_an_unusable_field_is_named(db, make, param, fields):
    make.provider()
    known = {
        "model_id": "acme/tiny",
        "provider_name": "acme",
        "upstream_model": "tiny",
        "prices": {},
        "today": TODAY,
    }

    with pytest.raises(BadRequest) as refusal:
        add_offer(db, **{**known, **fields})

    assert refusal.value.param == param


def test_a_provider_comes_first(db):
    with pytest.raises(NotFound):
        add_offer(db, model_id="a/b", provider_name="nobody", upstream_model="b", prices={}, today=TODAY)


def test_a_stand_in_serves_what_nobody_else_can_and_steps_back(db, make):
    make.provider("keyless", api_key=None)
    make.provider("keyed")
    make.offer("acme/orphan", provider="keyless")
    make.offer("acme/served", provider="keyed")
    simulator = make.provider("simulator")

    assert stand_in(db, simulator) == 1
    db.commit()

    offer = db.scalars(select(Offer).where(Offer.provider_id == simulator.id)).one()
    assert (offer.model_id, offer.upstream_model, offer.enabled) == ("acme/orphan", "acme/orphan", True)
    set_key(
        db,
        db.scalars(provider_by_name("keyless")).one(),
        "now it has one",
        secret=make.settings.provider_secret,
    )
    assert stand_in(db, simulator) == 0
    db.refresh(offer)
    assert not offer.enabled
    db.commit()


def test_new_prices_are_written_down(db, make):
    make.provider()
    make.offer("acme/tiny", prices={"input": "0.15"})

    entry = db.scalars(entries(limit=1)).one()
    assert (entry.action, entry.target_id) == ("offer.put", "acme/tiny of acme")
    assert entry.after == {"upstream_model": "tiny", "prices": {"input": "0.15", "output": "0.60"}}
