"""A pool is of a wallet and a generation, its amounts are not negative, and a lease is of something."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

POOL = "INSERT INTO pools VALUES ({wallet}, 1, {granted}, {posted}, {returned}, 0, {state}, now(), now())"
LEASE = "INSERT INTO leases VALUES ({wallet}, 1, {seq}, {amount}, now())"
GOOD = {"granted": 0, "posted": 0, "returned": 0, "state": "'active'", "seq": 1, "amount": 1}


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        (POOL, {"granted": -1}),
        (POOL, {"posted": -1}),
        (POOL, {"returned": -1}),
        (POOL, {"state": "'old'"}),
        (POOL, {"state": "NULL"}),
        (POOL, {"wallet": "gen_random_uuid()"}),
        (POOL, {}),  # a second one
        (LEASE, {"amount": 0}),
        (LEASE, {"amount": -1}),
        (LEASE, {"wallet": "gen_random_uuid()"}),
        (LEASE, {}),
    ],
)
def test_the_database_refuses_what_makes_no_sense(db, make, row, bad):
    good = GOOD | {"wallet": f"'{make.user().wallet_id}'"}
    if not bad:
        db.execute(text(row.format(**good)))

    with pytest.raises(IntegrityError):
        db.execute(text(row.format(**good | bad)))

    db.rollback()


def test_a_pool_may_be_overspent_so_that_the_proof_can_say_so(db, make):
    good = GOOD | {"wallet": f"'{make.user().wallet_id}'", "posted": 5}

    db.execute(text(POOL.format(**good)))

    db.rollback()
