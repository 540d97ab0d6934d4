"""The gate of path (a), one PostgreSQL transaction for each step: the degraded mode, and the oracle of path (c)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from msgspec import structs
from sqlalchemy import select, text

from core.charging.calls import Admitted, Call, Caller, Ending, Progress, Stale
from core.db import async_engine
from core.errors import Unavailable
from core.ids import uuid7
from core.models import Hold
from core.money import Nanos
from core.rules.admission import Deny, Want
from core.rules.prices import Cost, Usage
from proxy.gate import PostgresGate
from tests.proxy.conftest import until


@pytest.fixture
async def gate(settings):
    engine = async_engine(settings.database_url, pool_size=2)
    yield PostgresGate(engine, checkpoints=engine, boot_id=uuid7(), hold_s=5)
    await engine.dispose()


@pytest.fixture
def call(caller):
    wallet = caller.user.wallet
    calling = Caller(caller.key.id, caller.key.ver, wallet.id, wallet.ver, wallet.bucket, caller.user.id)
    return Call(
        request_id=uuid7(), caller=calling, model_id="a/b", price_card_id=uuid7(), stream=True, app_name="", app_url="",
        want=Want(Nanos(1000), Nanos(100), Nanos(10)), started_at=datetime.now(UTC),
    )  # fmt: skip


def at(call, **versions):
    """The same call by a grant of other versions."""
    return structs.replace(call, caller=replace(call.caller, **versions))


def ending(charge_n=40):
    usage, cost = Usage(input_tokens=3, output_tokens=4), Cost(Nanos(30), Nanos(charge_n))
    return Ending(provider="acme", usage=usage, cost=cost, status=200, reason="done")


async def test_a_call_is_admitted_watched_extended_and_settled(gate, call, books, caller):
    admitted = await gate.admit(call)
    assert admitted == Admitted(1000)
    await gate.checkpoint([(call, admitted, Progress(call.request_id, 7, Cost(Nanos(5), Nanos(6))))])
    assert await gate.extend(call, admitted, more_n=500) == 500
    hold = books.db.scalars(select(Hold)).one()
    assert (hold.amount_n, hold.metered_n, hold.metered_upstream_n, hold.metered_tokens) == (1500, 6, 5, 7)

    settled = await gate.settle(call, admitted, ending(), hold_n=1500)

    assert (settled.outcome, settled.charge_n) == ("settled", 40)
    assert books.wallet(caller).held_n == 0
    assert (await gate.settle(call, admitted, ending(99), hold_n=1500)).outcome == "already"
    assert books.charges() == [40]


async def test_calls_that_wait_for_each_other_leave_connections_for_signs_of_life(
    settings, call, caller, books
):
    engine = async_engine(settings.database_url)
    gate = PostgresGate(engine, checkpoints=engine, boot_id=uuid7(), hold_s=5)
    calls = [structs.replace(call, request_id=uuid7()) for _ in range(40)]
    with books.engine.begin() as connection:
        connection.execute(text("SELECT FROM wallets WHERE id = :w FOR UPDATE"), {"w": call.wallet_id})
        asking = [asyncio.create_task(gate.admit(one)) for one in calls]

        async with asyncio.timeout(20), engine.connect() as free:
            assert (await free.execute(text("SELECT 1"))).scalar_one() == 1
        assert not any(task.done() for task in asking)

    assert await asyncio.gather(*asking) == [Admitted(1000)] * 40
    for one in calls:
        await gate.settle(one, Admitted(1000), ending(0), hold_n=1000)
    await engine.dispose()


async def test_asking_twice_holds_once(gate, call, books, caller):
    assert await gate.admit(call) == await gate.admit(call) == Admitted(1000)
    assert books.wallet(caller).held_n == 1000

    await gate.settle(call, Admitted(1000), ending(), hold_n=1000)


async def test_an_old_version_is_stale_and_too_little_is_denied(gate, call):
    assert await gate.admit(at(call, key_ver=99)) == Stale()
    assert await gate.admit(at(call, wallet_ver=99)) == Stale()
    much = structs.replace(call, want=Want(Nanos(10**13), Nanos(10**12), Nanos(10**11)))
    assert await gate.admit(much) == Deny("wallet", 10**11, 10 * 10**9, 0)


async def test_books_that_cannot_be_reached_refuse_new_calls(gate, call, db):
    db.execute(text("ALTER TABLE holds RENAME TO away"))
    db.commit()

    with pytest.raises(Unavailable) as refused:
        await gate.admit(call)

    assert refused.value.retry_after_s == 5
    db.execute(text("ALTER TABLE away RENAME TO holds"))
    db.commit()


async def test_nobody_counts_calls_a_minute_there(gate, call):
    assert await gate.rate(replace(call.caller, rpm=20)) is None


async def test_a_settlement_waits_until_the_books_are_back(gate, call, db, books):
    admitted = await gate.admit(call)
    db.execute(text("ALTER TABLE usage_events RENAME TO away"))
    db.commit()
    settling = asyncio.create_task(gate.settle(call, admitted, ending(), hold_n=1000))
    done, _ = await asyncio.wait({settling}, timeout=0.3)
    assert not done

    db.execute(text("ALTER TABLE away RENAME TO usage_events"))
    db.commit()

    await until(settling.done)
    assert books.charges() == [40]
