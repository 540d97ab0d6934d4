"""A key has a type, a period and a digest of its own."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET key_type = 'root'",
        "UPDATE api_keys SET spend_limit_period = 'year'",
        "UPDATE api_keys SET spend_limit_n = -1",
        "UPDATE api_keys SET digest = 'same'",
    ],
)
def test_the_database_refuses_a_key_that_makes_no_sense(db, make, change):
    make.key()
    make.key()

    with pytest.raises(IntegrityError):
        db.execute(text(change))

    db.rollback()
