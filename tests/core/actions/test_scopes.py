"""Whose a key is, and who may make one there."""

from datetime import UTC, datetime

import pytest

from core.actions.audit import OPERATOR, person
from core.actions.members import remove_member
from core.actions.scopes import place_of
from core.actions.teams import delete_team
from core.errors import BadRequest, Forbidden, NotFound
from core.models import Org, User

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def team(make):
    return make.team(make.org(name="Acme"))


@pytest.fixture
def member(make, team):
    return make.member(team=team)


def test_an_accounts_own_key_draws_on_its_own_wallet(db, make):
    user = make.user()

    assert place_of(db, user, None, by=OPERATOR) == {"scope": "personal", "wallet_id": user.wallet_id}


def test_the_others_draw_on_the_organizations(db, make, team, member):
    org, owner = db.get_one(Org, team.org_id), db.get_one(User, member.user_id)
    shared = {"org_id": org.id, "wallet_id": org.wallet_id}

    places = [place_of(db, owner, of, by=OPERATOR) for of in (org, team, member)]

    assert places == [
        {**shared, "scope": "org"},
        {**shared, "scope": "team", "team_id": team.id},
        {**shared, "scope": "member", "member_id": member.id},
    ]


def test_who_owns_a_key_of_an_organization_is_a_member_of_it(db, make, team):
    org, stranger = make.org(), make.user()

    for of in (org, team):
        with pytest.raises(BadRequest):
            place_of(db, stranger, of, by=OPERATOR)


def test_a_members_key_is_the_members_own(db, make, team, member):
    colleague = db.get_one(User, make.member(team=team).user_id)

    with pytest.raises(BadRequest):
        place_of(db, colleague, member, by=OPERATOR)


def test_a_key_of_what_is_gone_is_not_made(db, make, team, member):
    owner = db.get_one(User, member.user_id)
    remove_member(db, member, now=NOW, by=OPERATOR)
    delete_team(db, team, now=NOW, by=OPERATOR)

    for of in (member, team):
        with pytest.raises(NotFound):
            place_of(db, owner, of, by=OPERATOR)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("org_admin", ["org", "team", "member", "own"]),
        ("team_admin", ["team", "member", "own"]),
        ("billing_viewer", ["own"]),
        ("member", ["own"]),
    ],
)
def test_a_key_is_made_by_who_decides_there_and_by_its_member(db, make, team, member, role, may):
    maker = make.member(team=team, role=role)
    org = db.get_one(Org, team.org_id)
    maker_user, owner = db.get_one(User, maker.user_id), db.get_one(User, member.user_id)
    wanted = {
        "org": (owner, org),
        "team": (owner, team),
        "member": (owner, member),
        "own": (maker_user, maker),
    }
    made = []

    for name, (user, of) in wanted.items():
        try:
            place_of(db, user, of, by=person(maker.user_id))
            made.append(name)
        except Forbidden:
            pass

    assert made == may


def test_nobody_makes_keys_in_an_organization_they_are_not_in(db, make, team, member):
    by = person(make.member(make.org(), role="org_admin").user_id)

    for of in (team, member):
        with pytest.raises(NotFound):
            place_of(db, db.get_one(User, member.user_id), of, by=by)
