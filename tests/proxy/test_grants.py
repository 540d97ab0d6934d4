from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import make_mocked_request

from core.actions.allowed_models import set_allowed_models
from core.actions.audit import OPERATOR
from core.actions.breakers import set_breaker
from core.charging.calls import Caller
from core.db import async_engine
from core.errors import BadRequest, Forbidden, Unauthenticated, Unavailable
from core.ids import new_key
from core.rules.scopes import NO_THRESHOLD_N, Fuse, Subject
from proxy import grants as module
from proxy.grants import Grants, Rules, credential

RULES = Rules(at_once=7, rpm=(20, 200))


@pytest.fixture
async def grants(settings):
    engine = async_engine(settings.database_url, pool_size=2)
    yield Grants(engine, pepper=settings.key_pepper, rules=RULES)
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


async def test_a_grant_is_kept_and_read_fresh_on_demand(grants, caller, db):
    first = await grants.find_for_models(caller.secret)
    assert (first.caller.key_id, first.caller.wallet_id) == (caller.key.id, caller.user.wallet_id)
    assert list(grants._kept.values()) == [first]

    caller.key.ver += 1
    db.commit()

    assert await grants.find(caller.secret) is first
    again = await grants.find(caller.secret, fresh=True)
    assert again.caller.key_ver == first.caller.key_ver + 1


@pytest.mark.parametrize("secret", [None, "", "sk-bl-x", "x" * 300])
async def test_what_is_no_key_is_refused(grants, secret):
    with pytest.raises(Unauthenticated):
        await grants.find(secret)


async def test_a_key_of_nobody_leaves_nothing_in_memory(grants):
    with pytest.raises(Unauthenticated):
        await grants.find(new_key())

    assert grants._kept == {}


async def test_a_kept_grant_expires_by_the_clock_unless_it_was_prolonged(grants, caller, make, db):
    later = datetime.now(UTC) + timedelta(hours=1)
    key = make.key(caller.user, expires_at=later)
    secret = make.secrets[key.id]
    kept = await grants.find(secret)
    (name,) = grants._kept
    over = replace(kept, expires_at=datetime.now(UTC))

    grants._kept[name] = over
    prolonged = await grants.find(secret)
    key.expires_at = over.expires_at
    db.commit()
    grants._kept[name] = over

    assert prolonged.expires_at == later
    with pytest.raises(Unauthenticated):
        await grants.find(secret)


async def test_a_management_key_may_be_found_but_calls_no_model(grants, caller, make):
    secret = make.secrets[make.key(caller.user, key_type="management").id]

    assert (await grants.find(secret)).key_type == "management"
    with pytest.raises(Forbidden):
        await grants.find_for_models(secret)


async def test_a_persons_grant_says_all_that_decides(grants, make):
    user = make.user(credits_usd="9")
    key = make.key(user, spend_limit_n=7, spend_limit_period="week")

    grant = await grants.find_for_models(make.secrets[key.id])

    wallet = user.wallet
    assert grant.caller == Caller(
        key_id=key.id,
        key_ver=1,
        wallet_id=wallet.id,
        wallet_ver=2,  # the credits
        bucket=wallet.bucket,
        user_id=user.id,
        subjects=(Subject("key", key.id, 7, "week"),),
        rpm=20,
        rpm_owner=user.id,
        at_once=7,
    )
    assert (grant.key_type, grant.expires_at, grant.allowed_models) == ("standard", None, ())


async def test_a_members_grant_has_its_budgets_breakers_and_lists(grants, make, db):
    org = make.org(credits_usd="10")
    team = make.team(org, monthly_budget_n=30)
    member = make.member(team=team, monthly_budget_n=20)
    key = make.key(member=member)
    set_breaker(db, org, by=OPERATOR, cb_hourly_n=9_000_000_000)
    set_breaker(db, team, by=OPERATOR, cb_minute_n=4_000_000_000, cb_shadow=True)
    set_breaker(db, member, by=OPERATOR, cb_minute_n=1_000_000_000)
    set_allowed_models(db, org, ["acme/*", "own/model"], by=OPERATOR)
    set_allowed_models(db, member, ["acme/tiny"], by=OPERATOR)
    db.commit()

    grant = await grants.find_for_models(make.secrets[key.id])

    caller = grant.caller
    assert (caller.wallet_id, caller.user_id) == (org.wallet_id, member.user_id)
    assert (caller.team_id, caller.member_id, caller.rpm_owner) == (team.id, member.id, member.id)
    assert caller.rpm == 200
    assert caller.subjects == (
        Subject("key", key.id, None, "month"),
        Subject("member", member.id, 20, "month"),
        Subject("team", team.id, 30, "month"),
    )
    assert caller.fuses == (
        Fuse("member", member.id, 1_000_000_000, 9_000_000_000, is_shadow=True),
        Fuse("team", team.id, 4_000_000_000, 9_000_000_000, is_shadow=True),
        Fuse("org", org.id, 5_000_000_000, 9_000_000_000),
    )
    assert grant.allowed_models == (frozenset({"acme/*", "own/model"}), frozenset({"acme/tiny"}))


async def test_a_breaker_that_is_off_has_no_threshold_but_is_counted(grants, make, db):
    org = make.org()
    key = make.key(org=org)
    set_breaker(db, org, by=OPERATOR, cb_enabled=False)
    db.commit()

    grant = await grants.find_for_models(make.secrets[key.id])

    assert grant.caller.fuses == (Fuse("org", org.id, NO_THRESHOLD_N, NO_THRESHOLD_N),)


async def test_a_model_must_be_on_every_list_there_is(grants, make, db):
    org = make.org()
    member = make.member(org)
    set_allowed_models(db, org, ["acme/*", "own/model"], by=OPERATOR)
    set_allowed_models(db, member, ["acme/tiny", "other/model"], by=OPERATOR)
    db.commit()
    grant = await grants.find_for_models(make.secrets[make.key(member=member).id])

    grant.refuse_models(["acme/tiny"])
    for model in ("acme/large", "own/model", "other/model"):
        with pytest.raises(Forbidden) as refused:
            grant.refuse_models([model])
        assert refused.value.body()["error"] == {
            "message": "Model is not allowed for this account",
            "type": "permission_error",
            "code": "model_not_allowed",
        }


async def test_a_model_that_a_kept_list_leaves_out_is_asked_for_again(grants, make, db):
    org = make.org()
    secret = make.secrets[make.key(org=org).id]
    set_allowed_models(db, org, ["acme/tiny"], by=OPERATOR)
    db.commit()
    kept = await grants.find_for_models(secret)
    assert await grants.with_models(kept, secret, ["acme/tiny"]) is kept
    with pytest.raises(Forbidden):
        await grants.with_models(kept, secret, ["acme/large"])
    set_allowed_models(db, org, ["acme/*"], by=OPERATOR)
    db.commit()

    now = await grants.with_models(kept, secret, ["acme/large"])

    assert now.allowed_models == (frozenset({"acme/*"}),)
    assert await grants.find(secret) is now


async def test_a_grant_that_is_old_is_read_again_for_the_tier_of_a_balance_that_shrank(
    grants, caller, settings, monkeypatch
):
    first = await grants.find(caller.secret)
    monkeypatch.setattr(module, "REREAD_S", -1)

    again = await grants.find(caller.secret)

    assert again is not first
    assert again.caller == first.caller


async def test_the_memory_has_an_end(grants, caller, make, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 2)
    for _ in range(3):
        await grants.find(make.secrets[make.key(caller.user).id])

    assert len(grants._kept) == 2


async def test_without_a_database_a_key_not_yet_known_is_asked_to_wait(settings):
    engine = async_engine("postgresql://nobody@127.0.0.1:1/none")
    away = Grants(engine, pepper=settings.key_pepper, rules=RULES)

    with pytest.raises(Unavailable) as refused:
        await away.find(new_key())

    assert refused.value.retry_after_s == 5


@pytest.mark.parametrize("secret", ["sk-bl-\udcff", "sk-bl-ü" + "x" * 38, "\udc80" * 44])
async def test_what_cannot_even_be_written_as_a_key_is_no_key(grants, secret):
    """Header fields may hold any bytes; those that are no text come as half characters."""
    with pytest.raises(Unauthenticated):
        await grants.find(secret)
