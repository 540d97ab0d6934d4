"""An organization has a wallet of its own."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orgs SET wallet_id = (SELECT min(wallet_id::text)::uuid FROM orgs)",
        "UPDATE orgs SET wallet_id = gen_random_uuid()",
        "DELETE FROM orgs",
    ],
)
def test_the_database_refuses_an_organization_that_makes_no_sense(db, make, change):
    make.org()
    make.org()

    with pytest.raises(IntegrityError):
        db.execute(text(change))

    db.rollback()


def test_two_organizations_may_have_one_name(make):
    assert make.org(name="Acme").id != make.org(name="Acme").id
