"""Teams are found within their organization."""

from core.queries.teams import team_named, team_of, teams_of


def test_the_teams_of_an_organization_are_listed_by_name(db, make):
    org = make.org()
    beta, alpha = make.team(org, name="beta"), make.team(org, name="Alpha")
    make.team(org, name="gone").deleted_at = beta.created_at
    make.team(name="of another")

    assert db.scalars(teams_of(org.id)).all() == [alpha, beta]


def test_a_team_of_another_organization_or_a_deleted_one_is_not_found(db, make):
    org = make.org()
    mine, theirs, gone = make.team(org), make.team(), make.team(org)
    gone.deleted_at = mine.created_at

    found = [db.scalar(team_of(org.id, team.id)) for team in (mine, theirs, gone)]

    assert found == [mine, None, None]


def test_a_name_finds_its_team_whatever_the_case(db, make):
    team = make.team(name="Research")
    make.team(name="RESEARCH")

    assert db.scalars(team_named(team.org_id, "rESEARCH")).all() == [team]
    assert db.scalar(team_named(team.org_id, "Resear%")) is None
