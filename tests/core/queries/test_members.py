"""Members are found within their organization; who was removed is none."""

from core.queries.members import any_membership_of, member_of, members_of, membership_of, other_admins


def test_the_members_are_listed_by_mail_address_with_their_accounts(db, make):
    org = make.org(make.user(email="z@example.com"))
    team = make.team(org)
    ada = make.member(org, make.user(email="ada@example.com"), team=team)
    make.member(org).removed_at = ada.created_at
    make.member()

    listed = [(user.email, member.role) for member, user in db.execute(members_of(org.id))]

    assert listed == [("ada@example.com", "member"), ("z@example.com", "org_admin")]
    assert [member for member, _ in db.execute(members_of(org.id, team_id=team.id))] == [ada]


def test_a_member_of_another_organization_or_a_former_one_is_not_found(db, make):
    org = make.org()
    mine, theirs, former = make.member(org), make.member(), make.member(org)
    former.removed_at = mine.created_at

    by_id = [db.scalar(member_of(org.id, member.id)) for member in (mine, theirs, former)]
    by_user = [db.scalar(membership_of(org.id, member.user_id)) for member in (mine, theirs, former)]

    assert by_id == by_user == [mine, None, None]
    assert db.scalar(any_membership_of(org.id, former.user_id)) is former
    assert db.scalar(any_membership_of(org.id, theirs.user_id)) is None


def test_other_admins_are_those_who_can_act(db, make):
    org = make.org()
    one = make.member(org, role="org_admin")
    first = db.scalars(other_admins(one)).one()
    suspended, removed = make.user(), make.member(org, role="org_admin")
    make.member(org, suspended, role="org_admin")
    make.member(org)
    make.member(role="org_admin")
    suspended.suspended_at = removed.removed_at = one.created_at

    assert db.scalars(other_admins(one)).all() == [first]
