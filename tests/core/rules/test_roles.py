"""Nobody gives more than they have."""

from uuid import UUID

import pytest

from core.rules.roles import (
    EVERYTHING,
    ROLES,
    Authority,
    may_give_budget,
    may_give_role,
    narrower,
    runs_org,
    runs_team,
)

OWN, OTHER = UUID(int=1), UUID(int=2)
TEAM_ADMIN = Authority("team_admin", OWN, budget_n=50)


def test_an_admin_of_the_organization_decides_everything():
    assert runs_org(EVERYTHING)
    assert all(runs_team(EVERYTHING, team_id) for team_id in (OWN, OTHER, None))
    assert all(may_give_role(EVERYTHING, role, team_id) for role in ROLES for team_id in (OWN, None))
    assert all(may_give_budget(EVERYTHING, budget_n) for budget_n in (0, 10**18, None))
    assert may_give_budget(Authority("org_admin", budget_n=5), 6)


@pytest.mark.parametrize("role", ["member", "billing_viewer"])
def test_members_and_viewers_decide_nothing(role):
    authority = Authority(role, OWN)

    assert not runs_org(authority)
    assert not any(runs_team(authority, team_id) for team_id in (OWN, OTHER, None))
    assert not any(may_give_role(authority, given, OWN) for given in ROLES)


def test_a_team_admin_decides_about_the_own_team_only():
    assert not runs_org(TEAM_ADMIN)
    assert [runs_team(TEAM_ADMIN, team_id) for team_id in (OWN, OTHER, None)] == [True, False, False]


@pytest.mark.parametrize(
    ("role", "team_id", "may"),
    [
        ("member", OWN, True),
        ("team_admin", OWN, True),
        ("billing_viewer", OWN, False),
        ("org_admin", OWN, False),
        ("member", OTHER, False),
        ("team_admin", OTHER, False),
        ("member", None, False),
    ],
)
def test_a_team_admin_gives_no_role_wider_than_the_own(role, team_id, may):
    assert may_give_role(TEAM_ADMIN, role, team_id) is may


@pytest.mark.parametrize(("budget_n", "may"), [(0, True), (50, True), (51, False), (None, False)])
def test_a_team_admin_gives_no_budget_wider_than_the_own(budget_n, may):
    assert may_give_budget(TEAM_ADMIN, budget_n) is may
    assert may_give_budget(Authority("team_admin", OWN), budget_n)


@pytest.mark.parametrize(
    ("budgets", "smallest"), [((), None), ((None, None), None), ((None, 5), 5), ((7, 5), 5), ((0, 5), 0)]
)
def test_the_narrower_budget_bounds(budgets, smallest):
    assert narrower(*budgets) == smallest
