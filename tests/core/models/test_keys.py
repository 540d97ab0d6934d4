"""A key has a type, a period and a digest of its own, and one scope, in one organization, on its wallet."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET key_type = 'root'",
        "UPDATE api_keys SET spend_limit_period = 'year'",
        "UPDATE api_keys SET spend_limit_n = -1",
        "UPDATE api_keys SET digest = 'same'",
    ],
)
def test_the_database_refuses_a_key_that_makes_no_sense(db, make, change):
    make.key()
    make.key()

    with pytest.raises(IntegrityError):
        db.execute(text(change))

    db.rollback()


SCOPED = {
    "personal": {},
    "org": {"org_id"},
    "team": {"org_id", "team_id"},
    "member": {"org_id", "member_id"},
}


def scope_of(db, make):
    """A function that gives the one key there is a scope and, of these, the ids of one organization."""
    team = make.team()
    member = make.member(team=team)
    make.key()
    ids = {"org_id": team.org_id, "team_id": team.id, "member_id": member.id}

    def give(scope, names, **others):
        places = {name: ids[name] if name in names else None for name in ids} | others
        db.execute(
            text(
                "UPDATE api_keys SET scope = :scope, org_id = :org_id, team_id = :team_id, member_id = :member_id,"
                " wallet_id = coalesce((SELECT wallet_id FROM orgs WHERE id = :org_id), wallet_id)"
            ),
            {"scope": scope, **places},
        )

    return give


@pytest.mark.parametrize("scope", SCOPED)
def test_a_key_names_what_its_scope_needs(db, make, scope):
    give = scope_of(db, make)

    give(scope, SCOPED[scope])

    db.rollback()


@pytest.mark.parametrize(
    ("scope", "named"),
    [(a, SCOPED[b]) for a in (*SCOPED, "planet") for b in SCOPED if a != b] + [("team", {"team_id"})],
)
def test_a_key_names_nothing_else(db, make, scope, named):
    give = scope_of(db, make)

    with pytest.raises(IntegrityError):
        give(scope, named)

    db.rollback()


def test_a_key_is_of_one_organization(db, make):
    give = scope_of(db, make)
    other = make.member(team=make.team())

    for scope, places in (("team", {"team_id": other.team_id}), ("member", {"member_id": other.id})):
        with pytest.raises(IntegrityError):
            give(scope, {"org_id"}, **places)
        db.rollback()


def test_a_key_of_an_organization_draws_on_its_wallet(db, make):
    give = scope_of(db, make)
    give("org", {"org_id"})

    with pytest.raises(IntegrityError):
        db.execute(text("UPDATE api_keys SET wallet_id = (SELECT wallet_id FROM users LIMIT 1)"))

    db.rollback()
