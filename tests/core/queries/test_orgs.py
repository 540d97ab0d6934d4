"""Organizations are found by their members, and by operators."""

from core.models import Member, Wallet
from core.queries.orgs import latest_orgs, org_by_id, org_of, org_of_wallet, orgs_named, orgs_of


def test_an_account_finds_the_organizations_it_is_in_by_name(db, make):
    user = make.user()
    second, first = make.org(user, name="Beta"), make.org(name="Alpha")
    make.member(first, user)
    make.org(name="Other")

    assert [(org, member.role) for org, member in db.execute(orgs_of(user.id))] == [
        (first, "member"),
        (second, "org_admin"),
    ]


def test_an_organization_one_is_not_in_or_not_any_more_is_not_found(db, make):
    org, user, former = make.org(), make.user(), make.user()
    member = make.member(org, former)
    member.removed_at = member.created_at

    for account in (user, former):
        assert db.execute(org_of(account.id, org.id)).one_or_none() is None
        assert db.execute(orgs_of(account.id)).all() == []


def test_an_organization_one_is_in_comes_with_what_one_is_there(db, make):
    user = make.user()
    org = make.org(user)

    found, member = db.execute(org_of(user.id, org.id)).one()

    assert found is org
    assert isinstance(member, Member)
    assert member.user_id == user.id


def test_an_operator_finds_every_organization(db, make):
    first, second = make.org(name="Acme"), make.org(name="Acme", credits_usd="5")

    assert db.scalar(org_by_id(first.id)) is first
    assert db.scalars(orgs_named("Acme")).all() == [first, second]
    assert db.scalars(orgs_named("acm")).all() == []
    newest = db.execute(latest_orgs(limit=1)).all()
    assert newest == [(second, db.get(Wallet, second.wallet_id))]


def test_a_wallet_leads_to_its_organization(db, make):
    org, user = make.org(), make.user()

    assert db.scalar(org_of_wallet(org.wallet_id)) == org.id
    assert db.scalar(org_of_wallet(user.wallet_id)) is None
