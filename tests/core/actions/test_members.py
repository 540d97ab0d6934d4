"""Members: added by mail address, bounded by who adds them, and never without an admin."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy import select

from core.actions.audit import OPERATOR, person
from core.actions.members import add_member, remove_member, update_member
from core.actions.users import verify
from core.errors import BadRequest, Conflict, Forbidden, NotFound
from core.models import Member, Org
from core.queries.grants import grant_by_digest
from core.queries.members import members_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
USD = 10**9


@pytest.fixture
def admin(db, make):
    """Somebody with a confirmed address who runs an organization."""
    user = make.user(email="admin@example.com")
    verify(user, now=NOW)
    db.commit()
    return user


@pytest.fixture
def org(make, admin):
    return make.org(admin)


@pytest.fixture
def ada(db, make):
    """Somebody with a confirmed address and no organization."""
    user = make.user(email="ada@example.com")
    verify(user, now=NOW)
    db.commit()
    return user


def the_admin(db, org):
    return db.scalars(select(Member).where(Member.org_id == org.id, Member.role == "org_admin")).one()


def test_a_member_is_added_with_role_team_and_budget(db, make, admin, org, ada, traces):
    team = make.team(org)
    left = traces(org.wallet_id)

    member = add_member(
        db,
        org,
        email=" Ada@Example.com ",
        role="team_admin",
        team_id=team.id,
        monthly_budget_n=5 * USD,
        by=person(admin.id),
    )

    assert (member.user_id, member.role, member.team_id) == (ada.id, "team_admin", team.id)
    assert (member.monthly_budget_n, member.removed_at) == (5 * USD, None)
    (entry,) = left.entries()
    assert (entry.action, entry.target_id) == ("member.added", str(member.id))
    assert entry.after == {
        "user_id": str(ada.id),
        "role": "team_admin",
        "team_id": str(team.id),
        "monthly_budget_n": 5 * USD,
    }
    assert left.bumps() == 1


def test_an_address_without_an_account_is_not_found(db, org):
    with pytest.raises(NotFound):
        add_member(db, org, email="nobody@example.com", by=OPERATOR)


def test_an_address_nobody_confirmed_is_taken_on_trust_by_an_operator_only(db, make, admin, org):
    user = make.user(email="somebody@example.com")

    with pytest.raises(NotFound):
        add_member(db, org, email=user.email, by=person(admin.id))

    assert add_member(db, org, email=user.email, by=OPERATOR).user_id == user.id


def test_a_member_is_not_added_twice(db, org, ada):
    add_member(db, org, email=ada.email, by=OPERATOR)

    with pytest.raises(Conflict):
        add_member(db, org, email=ada.email, role="org_admin", by=OPERATOR)


def test_adding_somebody_twice_at_once_adds_them_once(org, ada, sessions):
    start = Barrier(4)

    def add(_):
        with sessions() as session:
            start.wait()
            try:
                add_member(session, session.get(Org, org.id), email=ada.email, by=OPERATOR)
                session.commit()
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add, range(4))) == [False, False, False, True]


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (BadRequest, {"role": "owner"}),
        (BadRequest, {"role": "team_admin"}),
        (BadRequest, {"monthly_budget_n": -1}),
        (NotFound, {"team_id": uuid4()}),
    ],
)
def test_fields_that_make_no_sense_are_refused(db, make, org, ada, error, fields):
    member = make.member(org)

    with pytest.raises(error):
        add_member(db, org, email=ada.email, by=OPERATOR, **fields)
    with pytest.raises(error):
        update_member(db, member, by=OPERATOR, **fields)


def test_a_team_of_another_organization_or_a_deleted_one_is_not_found(db, make, org):
    theirs, deleted = make.team(make.org()), make.team(org)
    deleted.deleted_at = NOW
    member = make.member(org)

    for team in (theirs, deleted):
        with pytest.raises(NotFound):
            update_member(db, member, team_id=team.id, by=OPERATOR)


def test_a_team_admin_keeps_a_team(db, make, org):
    member = make.member(org, team=make.team(org), role="team_admin")

    with pytest.raises(BadRequest):
        update_member(db, member, team_id=None, by=OPERATOR)

    update_member(db, member, team_id=None, role="member", by=OPERATOR)
    assert (member.team_id, member.role) == (None, "member")


def test_only_what_is_named_changes(db, make, org, traces):
    team = make.team(org)
    member = make.member(org, team=team, monthly_budget_n=5)
    left = traces(org.wallet_id)

    update_member(db, member, monthly_budget_n=None, by=OPERATOR)

    assert (member.monthly_budget_n, member.team_id, member.role) == (None, team.id, "member")
    assert [(e.action, e.before, e.after) for e in left.entries()] == [
        ("member.updated", {"monthly_budget_n": 5}, {"monthly_budget_n": None})
    ]
    assert left.bumps() == 1


def test_a_removed_members_keys_stop_working_and_work_again_for_who_comes_back(db, make, org, ada, traces):
    member = make.member(org, ada, role="org_admin")
    own, shared = make.key(member=member), make.key(ada, org=org)
    left = traces(org.wallet_id)

    remove_member(db, member, now=NOW, by=OPERATOR)
    gone = [db.execute(grant_by_digest(key.digest)).one_or_none() for key in (own, shared)]
    back = add_member(db, org, email=ada.email, monthly_budget_n=5, by=OPERATOR)

    assert gone[0] is None
    assert gone[1] is not None
    assert (back.id, back.role, back.monthly_budget_n, back.removed_at) == (member.id, "member", 5, None)
    assert db.execute(grant_by_digest(own.digest)).one().key_id == own.id
    assert [entry.action for entry in left.entries()] == ["member.removed", "member.added"]
    assert left.bumps() == 2


def test_who_was_removed_is_not_found_again(db, make, org):
    member = make.member(org)
    remove_member(db, member, now=NOW, by=OPERATOR)

    for change in (
        lambda: remove_member(db, member, now=NOW, by=OPERATOR),
        lambda: update_member(db, member, role="org_admin", by=OPERATOR),
    ):
        with pytest.raises(NotFound):
            change()


def test_the_last_admin_is_neither_removed_nor_demoted(db, make, org):
    last = the_admin(db, org)
    make.member(org)

    with pytest.raises(BadRequest):
        remove_member(db, last, now=NOW, by=OPERATOR)
    with pytest.raises(BadRequest):
        update_member(db, last, role="member", by=OPERATOR)

    update_member(db, last, monthly_budget_n=5, by=OPERATOR)
    assert (last.role, last.removed_at) == ("org_admin", None)


def test_an_admin_who_cannot_sign_in_is_no_other_admin(db, make, org):
    other = make.user()
    make.member(org, other, role="org_admin")
    other.suspended_at = NOW

    with pytest.raises(BadRequest):
        remove_member(db, the_admins(db, org)[0], now=NOW, by=OPERATOR)


def the_admins(db, org):
    found = select(Member).where(
        Member.org_id == org.id, Member.role == "org_admin", Member.removed_at.is_(None)
    )
    return db.scalars(found.order_by(Member.id)).all()


@pytest.mark.parametrize("removing", [True, False])
def test_of_two_admins_who_go_at_once_one_stays(db, make, org, sessions, removing):
    make.member(org, role="org_admin")
    ids = [member.id for member in the_admins(db, org)]
    db.commit()
    start = Barrier(2)

    def go(member_id):
        with sessions() as session:
            member = session.get(Member, member_id)
            start.wait()
            try:
                if removing:
                    remove_member(session, member, now=NOW, by=OPERATOR)
                else:
                    update_member(session, member, role="member", by=OPERATOR)
                session.commit()
            except BadRequest:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(go, ids)) == [False, True]
    assert len(the_admins(db, org)) == 1


@pytest.fixture
def team(make, org):
    return make.team(org, monthly_budget_n=50)


@pytest.fixture
def team_admin(make, team):
    """A team admin acting, with a budget narrower than the team's."""
    return person(make.member(team=team, role="team_admin", monthly_budget_n=40).user_id)


def test_a_team_admin_adds_changes_and_removes_members_of_the_own_team(db, org, team, team_admin, ada):
    member = add_member(db, org, email=ada.email, team_id=team.id, monthly_budget_n=40, by=team_admin)

    update_member(db, member, role="team_admin", monthly_budget_n=39, by=team_admin)
    assert (member.role, member.monthly_budget_n) == ("team_admin", 39)

    remove_member(db, member, now=NOW, by=team_admin)
    assert member.removed_at == NOW


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "org_admin"},
        {"role": "billing_viewer"},
        {"team_id": None},
        {"monthly_budget_n": 41},
        {"monthly_budget_n": None},
    ],
)
def test_a_team_admin_gives_nothing_wider_than_the_own(db, make, org, team, team_admin, ada, fields):
    member = make.member(team=team, monthly_budget_n=10)

    with pytest.raises(Forbidden):
        update_member(db, member, **fields, by=team_admin)
    with pytest.raises(Forbidden):
        add_member(
            db,
            org,
            email=ada.email,
            **{"team_id": team.id, "monthly_budget_n": 10, **fields},
            by=team_admin,
        )


def test_a_team_admin_does_not_reach_beyond_the_own_team(db, make, org, team, team_admin):
    beyond = [
        make.member(org),
        make.member(team=make.team(org)),
        make.member(team=team, role="org_admin"),
        make.member(team=team, role="billing_viewer"),
    ]

    for member in beyond:
        with pytest.raises(Forbidden):
            update_member(db, member, role="member", team_id=team.id, monthly_budget_n=1, by=team_admin)
        with pytest.raises(Forbidden):
            remove_member(db, member, now=NOW, by=team_admin)


def test_a_team_admin_does_not_raise_the_own_budget(db, team_admin):
    own = db.scalars(select(Member).where(Member.user_id == team_admin.user_id)).one()

    with pytest.raises(Forbidden):
        update_member(db, own, monthly_budget_n=41, by=team_admin)

    assert own.monthly_budget_n == 40


@pytest.mark.parametrize("role", ["member", "billing_viewer"])
def test_others_decide_about_nobody(db, make, org, team, ada, role):
    by = person(make.member(team=team, role=role).user_id)
    other = make.member(team=team)

    for refused in (
        lambda: add_member(db, org, email=ada.email, team_id=team.id, monthly_budget_n=0, by=by),
        lambda: update_member(db, other, monthly_budget_n=0, by=by),
        lambda: remove_member(db, other, now=NOW, by=by),
    ):
        with pytest.raises(Forbidden):
            refused()


def test_an_organization_is_not_found_by_an_admin_of_another(db, make, org, ada):
    by = person(make.member(make.org(), role="org_admin").user_id)
    member = make.member(org)

    for refused in (
        lambda: add_member(db, org, email=ada.email, by=by),
        lambda: update_member(db, member, role="org_admin", by=by),
        lambda: remove_member(db, member, now=NOW, by=by),
    ):
        with pytest.raises(NotFound):
            refused()
    assert len(db.execute(members_of(org.id)).all()) == 2
