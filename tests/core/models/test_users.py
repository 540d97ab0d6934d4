"""An account has an address in lower case and a wallet of its own."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, InvalidRequestError

from core.models import User


@pytest.mark.parametrize(
    "change",
    [
        "email = 'ADA@example.com'",
        "email = 'same@example.com'",
        "wallet_id = (SELECT min(id::text)::uuid FROM wallets)",
    ],
)
def test_the_database_refuses_an_account_that_makes_no_sense(db, make, change):
    make.user()
    make.user()

    with pytest.raises(IntegrityError):
        db.execute(text(f"UPDATE users SET {change}"))

    db.rollback()


def test_no_page_loads_a_wallet_by_accident(db, make):
    user = make.user()
    db.expire_all()

    with pytest.raises(InvalidRequestError):
        _ = db.get(User, user.id).wallet
