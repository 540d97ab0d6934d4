"""Only what is switched on is offered."""

import pytest

from core.models import Model, Offer, Provider
from core.queries.catalog import (
    all_providers,
    first_callable,
    listing,
    model_facts,
    offer_facts,
    offer_of,
    provider_by_name,
    version,
)


def test_what_is_on_is_offered_with_its_card_and_provider(db, make):
    make.provider()
    offer = make.offer()

    (row,) = db.execute(offer_facts()).all()

    assert (row.model_id, row.price_card_id, row.provider_name) == ("acme/tiny", offer.price_card_id, "acme")
    assert [model.id for model in db.execute(model_facts())] == ["acme/tiny"]
    assert db.scalar(provider_by_name("acme")).id == offer.provider_id
    assert db.scalar(offer_of("acme/tiny", "acme")).id == offer.id
    assert db.scalar(first_callable()) == "acme/tiny"
    assert db.scalar(version()) > 1


@pytest.mark.parametrize("table", [Model, Offer, Provider])
def test_what_is_off_is_not_offered_but_listed(db, make, table):
    make.provider()
    make.offer()
    db.query(table).update({"enabled": False})
    db.commit()

    assert db.execute(offer_facts()).all() == []
    assert db.scalar(first_callable()) is None
    assert (db.execute(model_facts()).all() == []) is (table is Model)
    assert len(db.execute(listing("tiny")).all()) == 1
    assert [provider.name for provider in db.scalars(all_providers())] == ["acme"]
