"""What calls may claim of a limit, when more of them want an old pool's money than it has."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from core.charging.calls import Call, Caller
from core.money import Nanos
from core.rules.admission import Want
from core.rules.scopes import Subject
from tests.core.counters.books import Books
from tests.core.counters.claims import Claims, labels
from tests.core.counters.oracle import day_of

WALLET, KEY = UUID(int=1), UUID(int=2)


@pytest.fixture
def claims() -> Claims:
    """Generation 1 granted 20. Of a call it swept it took 8 back, and gave all 20 to another; then it was lost."""
    claims = Claims(Books())
    claims.books.credit(WALLET, 50)
    assert claims.books.grant(WALLET, 1, 5, valid_until=0) == (1, 20)
    claims.put(call(1), 1, usd=0)
    claims.put(call(2), 1, usd=20)
    claims.books.turn()
    return claims


def call(number: int, limit: int = 30) -> Call:
    caller = Caller(KEY, 1, WALLET, 1, 0, UUID(int=3), subjects=(Subject("key", KEY, limit, "day"),))
    started_at = datetime(2026, 3, 30, tzinfo=UTC)
    rid = UUID(int=int(started_at.timestamp() * 1000) << 80 | number)
    want = Want(Nanos(20), Nanos(20), Nanos(1))
    return Call(rid, caller, "", UUID(int=4), False, "", "", started_at, want)


def book(claims: Claims, one: Call, charge: int) -> None:
    claims.put(one, 1, usd=charge)
    claims.books.post(one.request_id, 2, (charge, 0, 0, 0), wallet=WALLET, gen=1, labels=list(labels(one)))


def test_all_calls_of_an_old_pool_claim_no_more_than_it_has(claims: Claims):
    book(claims, call(1), 8)  # its charge comes late, and is paid by what the other was given

    most = claims.most([(f"k:{KEY.hex}", day_of(call(1).request_id))], gen=2)

    assert most == 20
    book(claims, call(2), 20)
    assert claims.books.rows[call(2).request_id].used[0] == 12


def test_a_limit_that_an_old_pool_can_still_use_up_is_passed_by_a_new_call(claims: Claims):
    claims.books.grant(WALLET, 2, 5, valid_until=0)
    claims.put(call(3), 2, usd=11)

    with pytest.raises(AssertionError, match="used 31"):
        claims.check_admitted(call(3), 2)

    claims.put(call(3), 2, usd=10)
    claims.check_admitted(call(3), 2)
