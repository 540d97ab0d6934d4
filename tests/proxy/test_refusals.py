import pytest
from sqlalchemy import text

from core.charging.calls import REFUSED, Caller
from core.db import async_engine
from core.errors import OutOfCredits
from core.ids import uuid7
from proxy import refusals as module
from proxy.refusals import Refusals
from tests.proxy.conftest import ask, until


@pytest.fixture
async def refusals(settings):
    engine = async_engine(settings.database_url, pool_size=2)
    yield Refusals(engine)
    await engine.dispose()


TEAM, MEMBER = uuid7(), uuid7()


def note(refusals, caller, request_id=None):
    calling = Caller(caller.key.id, 1, caller.user.wallet_id, 1, 0, caller.user.id, TEAM, MEMBER)
    refusals.note(
        OutOfCredits(), request_id=request_id or uuid7(), caller=calling, model_id="a/b", app=("App", "url")
    )


async def test_a_refusal_is_on_record_with_its_reason(refusals, caller, books):
    note(refusals, caller)

    await refusals.write()

    row = books.events()[0]
    assert (row.status, row.reason, row.rank, row.charge_n) == (402, "insufficient_credits", REFUSED, 0)
    assert (row.app_name, row.app_url, row.model_id) == ("App", "url", "a/b")
    assert (row.wallet_id, row.user_id, row.key_id) == (caller.user.wallet_id, caller.user.id, caller.key.id)
    assert (row.team_id, row.member_id, row.gen) == (TEAM, MEMBER, 0)


async def test_a_call_that_has_its_row_keeps_it(refusals, caller, books):
    request_id = uuid7()
    for _ in range(2):
        note(refusals, caller, request_id)
        await refusals.write()

    assert len(books.events()) == 1


async def test_a_flood_is_cut_and_a_lost_database_loses_only_the_notes(
    refusals, caller, books, db, monkeypatch
):
    for _ in range(module.WAITING + 5):
        note(refusals, caller)
    assert len(refusals._rows) == module.WAITING
    db.execute(text("ALTER TABLE usage_events RENAME TO away"))
    db.commit()

    await refusals.write()

    assert len(refusals._rows) == 0
    db.execute(text("ALTER TABLE away RENAME TO usage_events"))
    db.commit()


async def test_every_refused_call_of_a_known_key_is_recorded(relay, caller, make, books, simulator):
    poor = make.secrets[make.key(make.user()).id]

    for secret, body in ((caller.secret, ask("acme/nothing")), (poor, ask()), (caller.secret, ask("tiny"))):
        await relay.post(secret, body)

    rows = await until(lambda: len(found := books.events()) == 3 and found)
    assert [(row.status, row.reason) for row in rows] == [
        (404, "not_found"),
        (402, "insufficient_credits"),
        (400, "bad_request"),
    ]
    assert simulator.truth.records() == []
