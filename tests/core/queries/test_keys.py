"""Keys are found within their wallet."""

from datetime import UTC, datetime

from core.actions.keys import delete_key
from core.queries.keys import (
    key_of,
    keys_of,
    names_of,
    shared_keys_of,
    team_keys,
    wallets_of_keys,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_a_key_of_another_wallet_is_not_found(db, make):
    mine, theirs = make.key(), make.key()

    assert db.scalar(key_of(mine.wallet_id, mine.id)) is mine
    assert db.scalar(key_of(mine.wallet_id, theirs.id)) is None
    assert list(db.scalars(keys_of(mine.wallet_id))) == [mine]
    assert db.execute(names_of(mine.wallet_id, [mine.id, theirs.id])).all() == [(mine.id, "test key")]


def test_keys_are_listed_newest_first_without_the_deleted_ones(db, make):
    user = make.user()
    first, second, third = (make.key(user, name=name) for name in ("a", "b", "c"))
    delete_key(db, second, now=NOW)
    db.commit()

    assert set(db.scalars(keys_of(user.wallet_id))) == {third, first}
    assert db.scalar(key_of(user.wallet_id, second.id)) is None
    assert {name for _, name in db.execute(names_of(user.wallet_id, [first.id, second.id]))} == {"a", "b"}


def test_the_keys_of_a_team_are_not_those_of_its_members(db, make):
    team = make.team()
    key = make.key(team=team)
    make.key(member=make.member(team=team))
    delete_key(db, make.key(team=team), now=NOW)

    assert db.scalars(team_keys(team.id)).all() == [key]


def test_an_accounts_keys_draw_on_these_wallets(db, make):
    user = make.user()
    org, other = make.org(user), make.org(user)
    make.key(user)
    make.key(user, org=org)
    make.key(user, org=org)
    delete_key(db, make.key(user, org=other), now=NOW)

    assert db.scalars(wallets_of_keys(user.id)).all() == sorted([user.wallet_id, org.wallet_id])


def test_the_keys_a_member_shares_are_those_of_the_organization_and_its_teams(db, make):
    user = make.user()
    org = make.org(user)
    shared = [make.key(user, org=org), make.key(user, team=make.team(org))]
    make.key(user)
    make.key(user, org=make.org(user))
    make.key(member=make.member(org))
    delete_key(db, make.key(user, org=org), now=NOW)

    assert db.scalars(shared_keys_of(org.id, user.id)).all() == shared
