"""A provider speaks a dialect we know, under a name of its own."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError


@pytest.mark.parametrize("change", ["kind = 'telepathy'", "name = 'acme'"])
def test_the_database_refuses_a_provider_that_makes_no_sense(db, make, change):
    make.provider("acme")
    make.provider("other")

    with pytest.raises(IntegrityError):
        db.execute(text(f"UPDATE providers SET {change}"))

    db.rollback()
