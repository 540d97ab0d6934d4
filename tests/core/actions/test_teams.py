"""Teams: named once, changed by admins, taken away when nobody is in them."""

from datetime import UTC, datetime

import pytest

from core.actions.audit import OPERATOR, person
from core.actions.members import remove_member
from core.actions.teams import create_team, delete_team, update_team
from core.errors import BadRequest, Conflict, Forbidden, NotFound
from core.models import Org
from core.queries.grants import grant_by_digest
from core.queries.teams import teams_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
USD = 10**9


def test_a_team_has_a_name_a_cost_center_and_a_budget(db, make, traces):
    admin = make.user()
    org = make.org(admin)
    left = traces(org.wallet_id)

    team = create_team(
        db, org, name=" Research ", cost_center_code=" R-1 ", monthly_budget_n=5 * USD, by=person(admin.id)
    )

    assert (team.org_id, team.name, team.cost_center_code) == (org.id, "Research", "R-1")
    assert (team.monthly_budget_n, team.allowed_models) == (5 * USD, [])
    (entry,) = left.entries()
    assert (entry.action, entry.target_id, entry.actor_id) == ("team.created", str(team.id), admin.id)
    assert entry.after == {"name": "Research", "cost_center_code": "R-1", "monthly_budget_n": 5 * USD}


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("name", {"name": ""}),
        ("costCenterCode", {"cost_center_code": "x" * 51}),
        ("costCenterCode", {"cost_center_code": "a\nb"}),
        ("monthlyBudget", {"monthly_budget_n": -1}),
    ],
)
def test_an_unusable_field_is_named(db, make, param, fields):
    team = make.team()

    with pytest.raises(BadRequest) as creating:
        create_team(db, db.get(Org, team.org_id), **{"name": "x", **fields}, by=OPERATOR)
    with pytest.raises(BadRequest) as updating:
        update_team(db, team, **fields, by=OPERATOR)

    assert (creating.value.param, updating.value.param) == (param, param)


def test_a_name_is_taken_whatever_its_case(db, make):
    org = make.org()
    make.team(org, name="Research")
    other = make.team(org, name="Sales")

    with pytest.raises(Conflict):
        create_team(db, org, name="RESEARCH", by=OPERATOR)
    with pytest.raises(Conflict):
        update_team(db, other, name="research", by=OPERATOR)


def test_a_team_may_write_its_own_name_otherwise(db, make):
    team = make.team(name="Research")

    update_team(db, team, name="RESEARCH", by=OPERATOR)

    assert team.name == "RESEARCH"


def test_only_what_is_named_changes(db, make, traces):
    team = make.team(monthly_budget_n=5, cost_center_code="R1")
    left = traces(db.get(Org, team.org_id).wallet_id)

    update_team(db, team, monthly_budget_n=None, by=OPERATOR)

    assert (team.monthly_budget_n, team.cost_center_code) == (None, "R1")
    assert [entry.before for entry in left.entries()] == [{"monthly_budget_n": 5}]
    assert left.bumps() == 1


def test_a_team_with_members_stays(db, make):
    team = make.team()
    member = make.member(team=team)

    with pytest.raises(Conflict):
        delete_team(db, team, now=NOW, by=OPERATOR)

    remove_member(db, member, now=NOW, by=OPERATOR)
    delete_team(db, team, now=NOW, by=OPERATOR)
    assert team.deleted_at == NOW


def test_a_deleted_team_takes_its_keys_along_and_leaves_its_name(db, make, traces):
    org = make.org()
    team = make.team(org, name="Research")
    key = make.key(team=team)
    left = traces(org.wallet_id)

    delete_team(db, team, now=NOW, by=OPERATOR)
    again = make.team(org, name="research")

    assert db.execute(grant_by_digest(key.digest)).one_or_none() is None
    assert (key.deleted_at, key.ver) == (NOW, 2)
    assert [e.action for e in left.entries()] == ["key.deleted", "team.deleted", "team.created"]
    assert left.bumps() == 1
    assert db.scalars(teams_of(org.id)).all() == [again]
    with pytest.raises(NotFound):
        update_team(db, team, name="x", by=OPERATOR)


def test_a_team_admin_does_not_decide_about_teams(db, make):
    team = make.team(monthly_budget_n=5)
    by = person(make.member(team=team, role="team_admin").user_id)
    org = db.get(Org, team.org_id)

    for refused in (
        lambda: create_team(db, org, name="x", by=by),
        lambda: update_team(db, team, monthly_budget_n=6, by=by),
        lambda: delete_team(db, team, now=NOW, by=by),
    ):
        with pytest.raises(Forbidden):
            refused()
