import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from core.charging.calls import Admitted, Call, Ending, Progress, Stale
from core.db import async_engine
from core.errors import Unavailable
from core.ids import uuid7
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
    return Call(
        request_id=uuid7(), wallet_id=caller.user.wallet_id, user_id=caller.user.id, key_id=caller.key.id,
        key_ver=caller.key.ver, wallet_ver=caller.user.wallet.ver, model_id="a/b", price_card_id=uuid7(), stream=True,
        app_name="", app_url="", want=Want(Nanos(1000), Nanos(100), Nanos(10)), started_at=datetime.now(UTC),
    )  # fmt: skip


def ending(charge_n=40):
    usage, cost = Usage(input_tokens=3, output_tokens=4), Cost(Nanos(30), Nanos(charge_n))
    return Ending(provider="acme", usage=usage, cost=cost, status=200, reason="done")


async def test_a_call_is_admitted_watched_extended_and_settled(gate, call, books, caller):
    assert await gate.admit(call) == Admitted(1000)
    await gate.checkpoint([Progress(call.request_id, 7, Cost(Nanos(5), Nanos(6)))])
    assert await gate.extend(call, more_n=500) == 500
    hold = books.holds()[0]
    assert (hold.amount_n, hold.metered_n, hold.metered_tokens) == (1500, 6, 7)

    settled = await gate.settle(call, ending())

    assert (settled.outcome, settled.charge_n) == ("settled", 40)
    assert books.wallet(caller).held_n == 0
    assert (await gate.settle(call, ending(99))).outcome == "already"
    assert books.charges() == [40]


async def test_asking_twice_holds_once(gate, call, books, caller):
    assert await gate.admit(call) == await gate.admit(call) == Admitted(1000)
    assert books.wallet(caller).held_n == 1000

    await gate.settle(call, ending())


async def test_an_old_version_is_stale_and_too_little_is_denied(gate, call):
    assert await gate.admit(replace(call, key_ver=99)) == Stale()
    assert await gate.admit(replace(call, wallet_ver=99)) == Stale()
    much = replace(call, want=Want(Nanos(10**13), Nanos(10**12), Nanos(10**11)))
    assert isinstance(await gate.admit(much), Deny)


async def test_books_that_cannot_be_reached_refuse_new_calls(gate, call, db):
    db.execute(text("ALTER TABLE holds RENAME TO away"))
    db.commit()

    with pytest.raises(Unavailable) as refused:
        await gate.admit(call)

    assert refused.value.retry_after_s == 5
    db.execute(text("ALTER TABLE away RENAME TO holds"))
    db.commit()


async def test_a_settlement_waits_until_the_books_are_back(gate, call, db, books):
    await gate.admit(call)
    db.execute(text("ALTER TABLE usage_events RENAME TO away"))
    db.commit()
    settling = asyncio.create_task(gate.settle(call, ending()))
    done, _ = await asyncio.wait({settling}, timeout=0.3)
    assert not done

    db.execute(text("ALTER TABLE away RENAME TO usage_events"))
    db.commit()

    await until(settling.done)
    assert books.charges() == [40]
