"""A hold is of a known key and wallet, and never negative."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

HOLD = """
    INSERT INTO holds (request_id, wallet_id, key_id, amount_n, metered_n, metered_upstream_n, metered_tokens, event,
                       boot_id, admitted_at, deadline_at)
    SELECT gen_random_uuid(), {wallet}, {key}, :amount, :metered, 0, 0, '{{}}', gen_random_uuid(), now(), now()
    FROM api_keys
"""


@pytest.mark.parametrize(
    "row",
    [
        ("gen_random_uuid()", "id", 1, 0),
        ("wallet_id", "gen_random_uuid()", 1, 0),
        ("wallet_id", "id", -1, 0),
        ("wallet_id", "id", 1, -1),
    ],
)
def test_the_database_refuses_a_hold_that_makes_no_sense(db, make, row):
    wallet, key, amount, metered = row
    make.key()

    with pytest.raises(IntegrityError):
        db.execute(text(HOLD.format(wallet=wallet, key=key)), {"amount": amount, "metered": metered})

    db.rollback()
