"""A team's name is its own in its organization."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE teams SET name = 'RESEARCH' WHERE name = 'Sales'",
        "UPDATE teams SET monthly_budget_n = -1",
        "UPDATE teams SET org_id = gen_random_uuid()",
        "UPDATE teams SET org_id = (SELECT id FROM orgs WHERE name = 'Other') WHERE name = 'Research'",
    ],
)
def test_the_database_refuses_a_team_that_makes_no_sense(db, make, change):
    org = make.org()
    make.org(name="Other")
    make.member(org, team=make.team(org, name="Research"))
    make.team(org, name="Sales")

    with pytest.raises(IntegrityError):
        db.execute(text(change))

    db.rollback()


def test_another_organization_may_use_the_name_and_so_may_who_comes_after(db, make):
    org = make.org()
    first = make.team(org, name="Research")
    make.team(make.org(), name="research")

    first.deleted_at = first.created_at
    second = make.team(org, name="Research")

    assert first.id != second.id
