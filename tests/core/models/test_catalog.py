"""A price card is for ever: calls are charged by the card of their admission."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE price_cards SET rates = '{}'",
        "DELETE FROM price_cards",
        "TRUNCATE price_cards CASCADE",
        "INSERT INTO catalog_version (id, version) VALUES (2, 1)",
        "UPDATE models SET markup_bps = 9999",
        "DELETE FROM models",
        "INSERT INTO offers SELECT gen_random_uuid(), model_id, provider_id, 'x', price_card_id, true FROM offers",
    ],
)
def test_the_database_refuses_what_would_falsify_prices(db, make, change):
    make.provider()
    make.offer()

    with pytest.raises(IntegrityError):
        db.execute(text(change))

    db.rollback()
