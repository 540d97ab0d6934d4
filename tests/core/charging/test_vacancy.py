"""Between two generations: what of one is over when the next opens."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from core.charging import generations, pools


@pytest.fixture
def open_next(desk):
    """Opens generations, as a proxy does that finds other servers; returns their numbers."""

    def opened(fingerprint="a"):
        with desk.engine.begin() as connection:
            generations.lock(connection)
            return generations.open_next(connection, fingerprint=fingerprint, since_ms=0).gen

    return opened


def lend(desk, gen, want_n=100):
    with desk.engine.begin() as connection:
        return pools.grant(connection, wallet_id=desk.wallet_id, gen=gen, want_n=want_n)


def test_nothing_is_lent_to_a_generation_that_is_over(desk, open_next):
    over = open_next("a")
    open_next("b")

    assert lend(desk, over) is None

    assert desk.rows("SELECT * FROM pools") == []
    assert desk.row("SELECT leased_n FROM wallets WHERE id = :w", w=desk.wallet_id).leased_n == 0


def test_no_generation_opens_while_money_is_lent_to_the_one_before(desk, open_next):
    gen = open_next()
    with desk.engine.connect() as lending, desk.engine.connect() as opening:
        pools.grant(lending, wallet_id=desk.wallet_id, gen=gen, want_n=100)
        opening.execute(text("SET LOCAL lock_timeout = '50ms'"))

        with pytest.raises(OperationalError, match="lock timeout"):
            generations.lock(opening)

        lending.commit()
    open_next()
    assert desk.row("SELECT state FROM pools").state == "old"
