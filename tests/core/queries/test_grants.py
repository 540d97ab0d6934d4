"""A digest leads to everything that decides about a credential's calls, or nowhere."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func

from core.actions.audit import OPERATOR
from core.actions.breakers import set_breaker
from core.actions.keys import delete_key, rotate_key
from core.actions.members import remove_member
from core.actions.orgs import suspend_org
from core.actions.teams import delete_team
from core.ids import digest_key
from core.models import User, Wallet
from core.queries.grants import grant_by_digest

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def grant(db):
    def found(digest):
        db.commit()
        return db.execute(grant_by_digest(digest)).one_or_none()

    return found


def test_a_personal_key_leads_to_its_account_and_to_no_organization(make, grant):
    user = make.user(credits_usd="3")
    key = make.key(user, expires_at=LATER, spend_limit_n=5, spend_limit_period="week")

    found = grant(key.digest)

    assert (found.key_id, found.wallet_id, found.user_id) == (key.id, user.wallet_id, user.id)
    assert (found.key_type, found.enabled, found.scope) == ("standard", True, "personal")
    assert (found.expires_at, found.spend_limit_n, found.spend_limit_period) == (LATER, 5, "week")
    assert (found.balance_n, found.credit_limit_n) == (3 * 10**9, 0)
    assert (found.wallet_suspended_at, found.user_suspended_at) == (None, None)
    assert (found.org_id, found.team_id, found.member_id) == (None, None, None)
    assert (found.org_cb_enabled, found.team_cb_minute_n, found.member_allowed_models) == (None, None, None)


def test_versions_and_bucket_are_those_of_the_key_and_its_wallet(make, grant, db):
    key = make.key()
    wallet = db.get_one(Wallet, key.wallet_id)
    key.ver, wallet.ver, wallet.bucket = 17, 23, 255

    found = grant(key.digest)

    assert (found.key_ver, found.wallet_ver, found.bucket) == (17, 23, 255)


def test_a_key_of_a_scope_leads_to_the_organization_team_and_member_of_it(make, grant):
    org = make.org()
    team = make.team(org, monthly_budget_n=7)
    member = make.member(team=team, monthly_budget_n=5)
    alone = make.member(org)
    places = {
        "org": (make.key(org=org), None, None),
        "team": (make.key(team=team), team.id, None),
        "member": (make.key(member=member), team.id, member.id),
    }

    for scope, (key, team_id, member_id) in places.items():
        found = grant(key.digest)
        assert (found.scope, found.wallet_id, found.org_id) == (scope, org.wallet_id, org.id)
        assert (found.team_id, found.member_id) == (team_id, member_id)
        assert found.team_budget_n == (7 if team_id else None)
        assert found.member_budget_n == (5 if member_id else None)
    assert grant(make.key(member=alone).digest).team_id is None


def test_each_scope_says_what_it_allows_and_when_its_breaker_trips(make, grant, db):
    org = make.org()
    team = make.team(org)
    member = make.member(team=team)
    team.allowed_models, member.allowed_models = ["acme/*"], ["acme/tiny"]
    set_breaker(db, team, by=OPERATOR, cb_minute_n=1, cb_shadow=True)
    set_breaker(db, member, by=OPERATOR, cb_enabled=False, cb_hourly_n=2)

    found = grant(make.key(member=member).digest)

    lists = (found.org_allowed_models, found.team_allowed_models, found.member_allowed_models)
    assert lists == ([], ["acme/*"], ["acme/tiny"])
    assert (found.org_cb_enabled, found.org_cb_minute_n, found.org_cb_hourly_n, found.org_cb_shadow) == (
        (None,) * 4
    )
    assert (found.team_cb_minute_n, found.team_cb_shadow, found.team_cb_enabled) == (1, True, None)
    assert (found.member_cb_enabled, found.member_cb_hourly_n, found.member_cb_minute_n) == (False, 2, None)


def test_a_team_says_nothing_about_calls_of_its_organization(make, grant):
    org = make.org()
    make.team(org, monthly_budget_n=7).allowed_models = ["acme/*"]

    found = grant(make.key(org=org).digest)

    assert (found.team_budget_n, found.team_allowed_models) == (None, None)


@pytest.mark.parametrize(
    ("own_end", "overlap_hours", "end"),
    [
        (None, 24, NOW + timedelta(hours=24)),
        (LATER, 24, NOW + timedelta(hours=24)),
        (NOW + timedelta(hours=1), 24, NOW + timedelta(hours=1)),
        (LATER, 0, NOW),
    ],
)
def test_the_secret_before_a_rotation_ends_with_its_overlap_or_its_key(
    make, grant, db, settings, own_end, overlap_hours, end
):
    key = make.key()
    key.expires_at = own_end
    before = key.digest

    rotate_key(db, key, pepper=settings.key_pepper, overlap_hours=overlap_hours, now=NOW)

    assert (grant(before).key_id, grant(before).expires_at) == (key.id, end)
    assert (grant(key.digest).key_id, grant(key.digest).expires_at) == (key.id, own_end)


def test_only_the_last_two_secrets_of_a_key_lead_to_it(make, grant, db, settings):
    key = make.key()
    digests = [key.digest]
    for _ in range(2):
        rotate_key(db, key, pepper=settings.key_pepper, overlap_hours=72, now=NOW)
        digests.append(key.digest)

    assert [grant(digest) is not None for digest in digests] == [False, True, True]


def test_a_wrong_secret_leads_nowhere(make, grant, settings):
    key = make.key()
    secret = make.secrets[key.id]

    for digest in (digest_key(secret + "x", settings.key_pepper), digest_key(secret, b"x" * 32), b""):
        assert grant(digest) is None


def delete(db, make, org, team, member):
    key = make.key(org=org)
    delete_key(db, key, now=NOW)
    return key


def delete_the_team(db, make, org, team, member):
    empty = make.team(org)
    key = make.key(team=empty)
    delete_team(db, empty, now=NOW, by=OPERATOR)
    return key


def remove_the_member(db, make, org, team, member):
    key = make.key(member=member)
    remove_member(db, member, now=NOW, by=OPERATOR)
    return key


@pytest.mark.parametrize("end", [delete, delete_the_team, remove_the_member])
def test_a_key_leads_nowhere_once_it_or_what_it_belongs_to_is_gone(db, make, grant, end):
    org = make.org()
    team = make.team(org)

    key = end(db, make, org, team, make.member(team=team))

    assert grant(key.digest) is None


def test_who_is_suspended_is_found_and_said_to_be(make, grant, db):
    org = make.org()
    shared, personal = make.key(org=org), make.key()
    suspend_org(db, org, now=NOW, by=OPERATOR)
    db.get_one(User, personal.user_id).suspended_at = func.now()

    found, own = grant(shared.digest), grant(personal.digest)

    assert (found.wallet_suspended_at, found.user_suspended_at) == (NOW, None)
    assert own.wallet_suspended_at is None
    assert own.user_suspended_at is not None
