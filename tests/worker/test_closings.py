"""Old pools give back what is left once nothing can be posted to them, with Redis and without."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from core.charging import generations, pools
from worker.closings import CLOSED_AT_ONCE, PACE_S, Closer

PROXY = uuid4()


@pytest.fixture
def ask(engine):
    def asked(statement, **values):
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return result.all() if result.returns_rows else None

    return asked


@pytest.fixture
def see(engine):
    """A proxy's sign of life: of which generation on nothing is settled."""

    def seen(settled_gen, boot_id=PROXY):
        with engine.begin() as connection:
            generations.seen(connection, boot_id=boot_id, settled_gen=settled_gen)

    return seen


@pytest.fixture
def old_pool(engine, make, see):
    """A wallet with USD 1 of its 10 leased in generation 1, which is over."""
    user = make.user(credits_usd="10")
    with engine.begin() as connection:
        generations.open_next(connection, fingerprint="a", since_ms=0)
    see(1)
    with engine.begin() as connection:
        pools.grant(connection, wallet_id=user.wallet_id, gen=1, want_n=250_000_000)
    with engine.begin() as connection:
        generations.vacate(connection)
    return user.wallet_id


@pytest.fixture
def closer(engine):
    return Closer(engine, longest_call_s=900)


def test_a_pool_waits_for_every_proxy_and_comes_back_whole(closer, old_pool, see, ask):
    other = UUID(int=7)
    see(1, other)
    see(2)
    assert closer.close() == 0

    see(2, other)

    assert closer.round() == PACE_S
    assert ask("SELECT state FROM pools") == [("closed",)]
    assert ask("SELECT leased_n, balance_n FROM wallets WHERE id = :w", w=old_pool) == [(0, 10 * 10**9)]
    assert closer.close() == 0


def test_a_pool_waits_no_longer_than_its_longest_call(closer, old_pool, ask):
    ask("UPDATE pools SET valid_until = now() - interval '959 s'")
    assert closer.close() == 0

    ask("UPDATE pools SET valid_until = now() - interval '961 s'")

    assert closer.close() == 1


def test_as_many_as_there_are_are_closed_in_one_round(closer, make, see, ask, engine):
    with engine.begin() as connection:
        generations.open_next(connection, fingerprint="a", since_ms=0)
    ask(
        "INSERT INTO wallets (id, bucket, balance_n, credit_limit_n, leased_n, held_n, ver) "
        "SELECT gen_random_uuid(), 0, 0, 5, 5, 0, 1 FROM generate_series(1, :n)",
        n=2 * CLOSED_AT_ONCE + 1,
    )
    ask(
        "INSERT INTO pools (wallet_id, gen, granted_n, posted_n, returned_n, seq, state, valid_until) "
        "SELECT id, 1, 5, 0, 0, 1, 'old', now() FROM wallets"
    )
    ask("INSERT INTO leases (wallet_id, gen, seq, amount_n) SELECT id, 1, 1, 5 FROM wallets")
    see(2)

    closer.round()

    assert ask("SELECT DISTINCT state FROM pools") == [("closed",)]
    assert ask("SELECT sum(leased_n) FROM wallets") == [(0,)]
