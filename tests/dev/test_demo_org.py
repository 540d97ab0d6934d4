"""The demo's organization: a team with its admin and a member, and a key that draws on its wallet."""

from datetime import UTC, datetime

from core.ids import digest_key
from core.models import Wallet
from core.queries.grants import grant_by_digest
from core.queries.members import members_of
from core.queries.orgs import orgs_of
from core.queries.teams import teams_of
from dev.demo_org import plant_org

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_the_account_runs_an_organization_with_a_team_of_two(db, make, settings):
    user = make.user(email="demo@bazaarlink.test")

    made = plant_org(db, user, pepper=settings.key_pepper, now=NOW)
    db.commit()

    org, _ = db.execute(orgs_of(user.id)).one()
    (team,) = db.scalars(teams_of(org.id)).all()
    roles = {person.email: (member.role, member.team_id) for member, person in db.execute(members_of(org.id))}
    assert made["org_id"] == str(org.id)
    assert roles == {
        "demo@bazaarlink.test": ("org_admin", None),
        "leo@bazaarlink.test": ("member", team.id),
        "mia@bazaarlink.test": ("team_admin", team.id),
    }
    assert db.get(Wallet, org.wallet_id).balance_n == 500 * 10**9
    grant = db.execute(grant_by_digest(digest_key(made["org_api_key"], settings.key_pepper))).one()
    assert (grant.scope, grant.wallet_id) == ("org", org.wallet_id)


def test_an_account_that_has_one_gets_no_other(db, make, settings):
    user = make.user()
    make.org(user)

    assert plant_org(db, user, pepper=settings.key_pepper, now=NOW) == {}
    assert len(db.execute(orgs_of(user.id)).all()) == 1
