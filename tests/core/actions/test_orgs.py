"""Organizations: opened with a wallet and an admin, suspended by an operator for the very next call."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core.actions.audit import OPERATOR, SYSTEM, person
from core.actions.orgs import create_org, rename_org, resume_org, suspend_org
from core.errors import BadRequest, Forbidden
from core.models import Member, Wallet
from core.queries.grants import grant_by_digest
from core.queries.orgs import org_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_who_opens_an_organization_runs_it(db, make, traces):
    user = make.user()
    left = traces(user.wallet_id)

    org = create_org(db, user, name=" Acme ", by=person(user.id, ip="::1"))
    db.commit()

    _, member = db.execute(org_of(user.id, org.id)).one()
    assert (org.name, member.role, member.team_id) == ("Acme", "org_admin", None)
    wallet = db.get(Wallet, org.wallet_id)
    assert (wallet.balance_n, wallet.id == user.wallet_id) == (0, False)
    (entry,) = left.entries()
    assert (entry.action, entry.org_id, entry.actor_id, entry.ip) == ("org.created", org.id, user.id, "::1")
    assert entry.after == {"name": "Acme", "admin_user_id": str(user.id)}


def test_an_organization_without_a_name_is_not_opened(db, make):
    with pytest.raises(BadRequest):
        create_org(db, make.user(), name="\n", by=OPERATOR)

    assert db.scalars(select(Member)).all() == []


def test_an_admin_renames_the_organization(db, make):
    admin = make.user()
    org = make.org(admin)
    other = make.member(org)

    rename_org(db, org, "Ajax", by=person(admin.id))
    with pytest.raises(Forbidden):
        rename_org(db, org, "Mine", by=person(other.user_id))

    assert org.name == "Ajax"


def test_a_suspension_is_in_the_grant_of_every_key_and_a_resumption_takes_it_back(db, make, traces):
    org = make.org()
    keys = [make.key(org=org), make.key(team=make.team(org)), make.key(member=make.member(org))]
    left = traces(org.wallet_id)

    suspend_org(db, org, now=NOW, by=OPERATOR)
    suspended = [db.execute(grant_by_digest(key.digest)).one().wallet_suspended_at for key in keys]
    resume_org(db, org, by=OPERATOR)
    resumed = [db.execute(grant_by_digest(key.digest)).one().wallet_suspended_at for key in keys]

    assert (suspended, resumed) == ([NOW] * 3, [None] * 3)
    assert left.bumps() == 2
    assert [entry.action for entry in left.entries()] == ["org.suspended", "org.resumed"]


def test_suspending_twice_keeps_the_first_moment(db, make, traces):
    org = make.org()
    suspend_org(db, org, now=NOW, by=OPERATOR)
    left = traces(org.wallet_id)

    suspend_org(db, org, now=NOW.replace(year=2027), by=OPERATOR)

    assert db.get(Wallet, org.wallet_id).suspended_at == NOW
    assert (left.entries(), left.bumps()) == ([], 0)


def test_nobody_but_an_operator_suspends(db, make):
    admin = make.user()
    org = make.org(admin)

    for by in (person(admin.id), SYSTEM):
        with pytest.raises(Forbidden):
            suspend_org(db, org, now=NOW, by=by)
        with pytest.raises(Forbidden):
            resume_org(db, org, by=by)
