"""Only what is switched on is offered."""

import pytest

from core.models import Model, Offer, Provider
from core.queries.catalog import models, offers, provider_by_name, version


def test_what_is_on_is_offered_with_its_card_and_provider(db, make):
    make.provider()
    offer = make.offer()

    (row,) = db.execute(offers()).all()

    assert (row.Offer.id, row.PriceCard.id, row.Provider.name) == (offer.id, offer.price_card_id, "acme")
    assert [model.id for model in db.scalars(models())] == ["acme/tiny"]
    assert db.scalar(provider_by_name("acme")).id == offer.provider_id
    assert db.scalar(version()) > 1


@pytest.mark.parametrize("table", [Model, Offer, Provider])
def test_what_is_off_is_not_offered(db, make, table):
    make.provider()
    make.offer()
    db.query(table).update({"enabled": False})
    db.commit()

    assert db.execute(offers()).all() == []
    assert (list(db.scalars(models())) == []) is (table is Model)
