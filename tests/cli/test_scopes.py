"""Finding the organization, the team or the member that a command is about."""

import pytest

from cli.scopes import the_holder, the_member, the_org, the_payer, the_team
from core.errors import BadRequest, Conflict, NotFound


def test_an_organization_is_found_by_its_id_or_name(db, make):
    org = make.org(name="Acme")

    assert the_org(db, "Acme") is the_org(db, str(org.id)) is org


def test_a_name_that_several_have_is_not_enough(db, make):
    org = make.org(name="Acme")
    make.org(name="Acme")

    with pytest.raises(Conflict, match="2 organizations are named Acme"):
        the_org(db, "Acme")

    assert the_org(db, str(org.id)) is org


def test_a_team_is_found_by_its_name_or_id_in_its_organization(db, make):
    org, other = make.org(), make.org(name="Other")
    team = make.team(org, name="Research")
    theirs = make.team(other, name="Theirs")

    assert the_team(db, org, "research") is the_team(db, org, str(team.id)) is team
    for name in ("Theirs", str(theirs.id), "x"):
        with pytest.raises(NotFound, match=name):
            the_team(db, org, name)


def test_a_member_is_found_by_mail_address_in_its_organization(db, make):
    org, user = make.org(), make.user(email="ada@example.com")
    make.user(email="bob@example.com")
    member = make.member(org, user)

    assert the_member(db, org, " ADA@example.com ") is member
    for email in ("bob@example.com", "nobody@example.com"):
        with pytest.raises(NotFound, match=email):
            the_member(db, org, email)


def test_the_options_name_an_organization_a_team_or_a_member(db, make):
    org, user = make.org(name="Acme"), make.user(email="ada@example.com")
    team, member = make.team(org, name="Research"), make.member(org, user)

    assert the_holder(db, org="Acme", team=None, member=None) is org
    assert the_holder(db, org="Acme", team="Research", member=None) is team
    assert the_holder(db, org="Acme", team=None, member="ada@example.com") is member
    with pytest.raises(BadRequest):
        the_holder(db, org="Acme", team="Research", member="ada@example.com")


def test_who_pays_is_an_account_or_an_organization(db, make):
    user, org = make.user(email="ada@example.com"), make.org(name="Acme")

    account, organization = the_payer(db, "ada@example.com"), the_payer(db, "Acme")

    assert (account.wallet_id, account.data) == (user.wallet_id, {"email": "ada@example.com"})
    assert (organization.wallet_id, organization.data) == (org.wallet_id, {"org_id": org.id, "org": "Acme"})


@pytest.mark.parametrize("who", ["Acme", "0198f2c1-7c1e-7a55-b9a4-5f2f4be0b1d2", "x@example.com"])
def test_who_is_not_there_is_named(db, who):
    with pytest.raises(NotFound, match=who):
        the_payer(db, who)
