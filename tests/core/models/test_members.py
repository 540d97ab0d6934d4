"""An account is a member once, in a role there is, in a team of the same organization."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError


@pytest.mark.parametrize(
    "change",
    [
        "role = 'owner'",
        "role = 'team_admin', team_id = NULL",
        "monthly_budget_n = -1",
        "team_id = (SELECT id FROM teams WHERE name = 'of another')",
        "team_id = gen_random_uuid()",
        "user_id = (SELECT user_id FROM members m WHERE m.role = 'org_admin' AND m.org_id = members.org_id)",
    ],
)
def test_the_database_refuses_a_member_that_makes_no_sense(db, make, change):
    make.team(make.org(name="Other"), name="of another")
    team = make.team(make.org(name="Acme"))
    member = make.member(team=team)

    with pytest.raises(IntegrityError):
        db.execute(text(f"UPDATE members SET {change} WHERE id = :id"), {"id": member.id})

    db.rollback()


def test_an_account_may_be_in_many_organizations(make):
    user = make.user()

    places = {make.member(make.org(), user).org_id for _ in range(3)}

    assert len(places) == 3
