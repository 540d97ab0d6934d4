"""Keys of an organization, a team and a member draw on the organization's wallet while they may."""

from datetime import UTC, datetime

import pytest

from core.actions.audit import OPERATOR
from core.actions.members import add_member, remove_member
from core.actions.orgs import resume_org, suspend_org
from core.actions.teams import delete_team
from core.actions.users import resume_user, suspend_user
from core.models import User, Wallet
from tests.proxy.conftest import ask

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def org(make):
    return make.org(credits_usd="10")


async def status_of(relay, secret):
    async with relay.post(secret, ask()) as response:
        await response.read()
        return response.status


async def test_every_scope_draws_on_the_organizations_wallet(relay, make, db, org, books):
    team = make.team(org)
    keys = [make.key(org=org), make.key(team=team), make.key(member=make.member(team=team))]

    statuses = [await status_of(relay, make.secrets[key.id]) for key in keys]

    assert statuses == [200, 200, 200]
    books.book()
    wallet = db.get(Wallet, org.wallet_id, populate_existing=True)
    assert 0 < wallet.balance_n < 10 * 10**9


async def test_a_removed_member_is_refused_on_the_next_call_and_served_on_coming_back(relay, make, db, org):
    user = make.user(email="ada@example.com")
    member = make.member(org, user)
    own, shared = (make.secrets[key.id] for key in (make.key(member=member), make.key(user, org=org)))
    assert [await status_of(relay, secret) for secret in (own, shared)] == [200, 200]

    remove_member(db, member, now=NOW, by=OPERATOR)
    db.commit()
    removed = [await status_of(relay, secret) for secret in (own, shared)]
    add_member(db, org, email=user.email, by=OPERATOR)
    db.commit()

    assert removed == [401, 200]
    assert await status_of(relay, own) == 200


async def test_a_suspended_organization_is_refused_on_the_next_call(relay, make, db, org):
    secret = make.secrets[make.key(member=make.member(org)).id]
    assert await status_of(relay, secret) == 200

    suspend_org(db, org, now=NOW, by=OPERATOR)
    db.commit()
    suspended = await status_of(relay, secret)
    resume_org(db, org, by=OPERATOR)
    db.commit()

    assert (suspended, await status_of(relay, secret)) == (403, 200)


async def test_a_suspended_account_is_refused_in_organizations_too(relay, make, db, org):
    member = make.member(org)
    secret = make.secrets[make.key(member=member).id]
    assert await status_of(relay, secret) == 200

    suspend_user(db, db.get(User, member.user_id), now=NOW, by=OPERATOR)
    db.commit()
    suspended = await status_of(relay, secret)
    resume_user(db, db.get(User, member.user_id), by=OPERATOR)
    db.commit()

    assert (suspended, await status_of(relay, secret)) == (403, 200)


async def test_the_key_of_a_deleted_team_is_refused_on_the_next_call(relay, make, db, org):
    team = make.team(org)
    secret = make.secrets[make.key(team=team).id]
    assert await status_of(relay, secret) == 200

    delete_team(db, team, now=NOW, by=OPERATOR)
    db.commit()

    assert await status_of(relay, secret) == 401
