from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import make_mocked_request

from core.db import async_engine
from core.errors import BadRequest, Forbidden, Unauthenticated, Unavailable
from core.ids import digest_key, new_key
from proxy import grants as module
from proxy.grants import Grants, credential


@pytest.fixture
async def grants(settings):
    engine = async_engine(settings.database_url, pool_size=2)
    yield Grants(engine, pepper=settings.key_pepper)
    await engine.dispose()


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({}, None),
        ({"Authorization": "Bearer a"}, "a"),
        ({"Authorization": "bearer  a "}, "a"),
        ({"x-api-key": "a"}, "a"),
        ({"Authorization": "Bearer a", "x-api-key": "a"}, "a"),
        ({"Authorization": "a"}, None),
    ],
)
def test_a_credential_is_found_in_either_header(headers, shown):
    assert credential(make_mocked_request("POST", "/", headers=headers)) == shown


def test_two_different_credentials_or_another_scheme_are_refused():
    with pytest.raises(BadRequest):
        credential(make_mocked_request("POST", "/", headers={"Authorization": "Bearer a", "x-api-key": "b"}))
    with pytest.raises(Unauthenticated):
        credential(make_mocked_request("POST", "/", headers={"Authorization": "Basic a", "x-api-key": "b"}))


async def test_a_grant_is_kept_and_read_fresh_on_demand(grants, caller, settings, db):
    first = await grants.find_for_models(caller.secret)
    assert (first.key_id, first.wallet_id) == (caller.key.id, caller.user.wallet_id)
    assert list(grants._kept) == [digest_key(caller.secret, settings.key_pepper)]

    caller.key.ver += 1
    db.commit()

    assert await grants.find(caller.secret) is first
    assert (await grants.find(caller.secret, fresh=True)).key_ver == first.key_ver + 1


@pytest.mark.parametrize("secret", [None, "", "sk-bl-x", "x" * 300])
async def test_what_is_no_key_is_refused(grants, secret):
    with pytest.raises(Unauthenticated):
        await grants.find(secret)


async def test_a_key_of_nobody_leaves_nothing_in_memory(grants):
    with pytest.raises(Unauthenticated):
        await grants.find(new_key())

    assert grants._kept == {}


async def test_a_kept_grant_expires_by_the_clock(grants, caller, make):
    key = make.key(caller.user, expires_at=datetime.now(UTC) + timedelta(hours=1))
    digest = digest_key(make.secrets[key.id], grants._pepper)
    kept = await grants.find(make.secrets[key.id])
    grants._kept[digest] = replace(kept, expires_at=datetime.now(UTC))

    with pytest.raises(Unauthenticated):
        await grants.find(make.secrets[key.id])


async def test_a_management_key_may_be_found_but_calls_no_model(grants, caller, make):
    secret = make.secrets[make.key(caller.user, key_type="management").id]

    assert (await grants.find(secret)).key_type == "management"
    with pytest.raises(Forbidden):
        await grants.find_for_models(secret)


async def test_the_memory_has_an_end(grants, caller, make, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 2)
    for _ in range(3):
        await grants.find(make.secrets[make.key(caller.user).id])

    assert len(grants._kept) == 2


async def test_without_a_database_a_key_not_yet_known_is_asked_to_wait(settings):
    away = Grants(async_engine("postgresql://nobody@127.0.0.1:1/none"), pepper=settings.key_pepper)

    with pytest.raises(Unavailable) as refused:
        await away.find(new_key())

    assert refused.value.retry_after_s == 5
