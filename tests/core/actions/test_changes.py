"""Changes of one organization: one after the other, by who may, seen as things are and not as they were."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from core.actions.audit import OPERATOR, SYSTEM, Actor, person, program
from core.actions.changes import authority_of, change, clean_budget, lock, lock_as_admin, subject_of
from core.errors import BadRequest, Forbidden, NotFound
from core.models import Member, Org
from core.rules.roles import EVERYTHING, Authority

USD = 10**9


def test_one_change_of_an_organization_waits_for_the_other(db, make, sessions):
    team = make.team()
    lock(db, team)

    with sessions() as session:
        session.execute(text("SET lock_timeout = '50ms'"))
        same = session.get(Org, team.org_id)
        with pytest.raises(OperationalError):
            lock(session, same)

    lock(db, team)


def test_another_organization_does_not_wait(db, make, sessions):
    one, other = make.org(), make.org()
    lock(db, one)

    with sessions() as session:
        session.execute(text("SET lock_timeout = '50ms'"))
        assert lock(session, session.get(Org, other.id)).id == other.id


def test_rows_that_refer_to_the_organization_do_not_wait(db, make, sessions):
    org = make.org()
    lock(db, org)

    with sessions() as session:
        session.execute(text("SET lock_timeout = '50ms'"))
        session.execute(
            text("INSERT INTO teams (id, org_id, name, cost_center_code, allowed_models) "
                 "VALUES (gen_random_uuid(), :id, 'x', '', '{}')"), {"id": org.id},
        )  # fmt: skip
        session.rollback()


def test_what_is_locked_is_seen_as_it_is(db, make, sessions):
    member = make.member()
    with sessions() as session:
        session.get(Member, member.id).monthly_budget_n = 5
        session.commit()

    lock(db, member)

    assert member.monthly_budget_n == 5


def test_a_removed_member_and_a_deleted_team_are_not_found(db, make):
    member, team = make.member(), make.team()
    member.removed_at = member.created_at
    team.deleted_at = team.created_at
    db.commit()

    for gone in (member, team):
        with pytest.raises(NotFound):
            lock(db, gone)


def test_operators_and_the_system_decide_everything(db, make):
    org = make.org()

    assert [authority_of(db, org, by) for by in (OPERATOR, SYSTEM)] == [EVERYTHING, EVERYTHING]


def test_a_person_and_their_program_decide_what_their_role_lets_them(db, make):
    team = make.team(monthly_budget_n=9)
    member = make.member(team=team, role="team_admin", monthly_budget_n=10)
    org = db.get(Org, team.org_id)

    for by in (person(member.user_id), program(uuid4(), member.user_id)):
        assert authority_of(db, org, by) == Authority("team_admin", team.id, budget_n=9)


def test_the_role_that_counts_is_the_one_of_now(db, make, sessions):
    member = make.member(role="org_admin")
    org = db.get(Org, member.org_id)
    with sessions() as session:
        session.get(Member, member.id).role = "member"
        session.commit()

    with pytest.raises(Forbidden):
        lock_as_admin(db, org, by=person(member.user_id))


def test_an_organization_is_not_found_by_who_is_no_member(db, make):
    org, former, admin_elsewhere = make.org(), make.user(), make.member(make.org(), role="org_admin")
    make.member(org, former).removed_at = former.created_at
    db.commit()

    for by in (person(former.id), person(admin_elsewhere.user_id), Actor("user")):
        with pytest.raises(NotFound):
            lock_as_admin(db, org, by=by)


@pytest.mark.parametrize("role", ["billing_viewer", "team_admin", "member"])
def test_who_does_not_run_the_organization_is_refused(db, make, role):
    team = make.team()
    member = make.member(team=team, role=role)

    with pytest.raises(Forbidden):
        lock_as_admin(db, team, by=person(member.user_id))


def test_a_change_is_written_down_and_in_force(db, make, traces):
    team = make.team()
    org = lock(db, team)
    left = traces(org.wallet_id)

    assert change(
        db, org, team, {"monthly_budget_n": 5, "name": team.name}, by=OPERATOR, action="team.updated"
    )

    (entry,) = left.entries()
    assert (entry.action, entry.target_kind, entry.target_id) == ("team.updated", "team", str(team.id))
    assert (entry.org_id, entry.wallet_id) == (org.id, org.wallet_id)
    assert (entry.before, entry.after) == ({"monthly_budget_n": None}, {"monthly_budget_n": 5})
    assert left.bumps() == 1


def test_a_label_is_written_down_and_decides_about_no_call(db, make, traces):
    team = make.team()
    org = lock(db, team)
    left = traces(org.wallet_id)

    assert change(
        db, org, team, {"name": "new", "cost_center_code": "R1"}, by=OPERATOR, action="team.updated"
    )

    assert len(left.entries()) == 1
    assert left.bumps() == 0


def test_a_change_of_nothing_leaves_no_trace(db, make, traces):
    team = make.team()
    org = lock(db, team)
    left = traces(org.wallet_id)

    assert not change(db, org, team, {"monthly_budget_n": None}, by=OPERATOR, action="team.updated")

    assert (left.entries(), left.bumps()) == ([], 0)


def test_the_log_of_an_organization_names_its_parts(make):
    org = make.org()
    team = make.team(org)
    member = make.member(org)

    assert [subject_of(org, part).kind for part in (org, team, member)] == ["org", "team", "member"]
    assert subject_of(org, member).id == member.id


def test_a_budget_is_an_amount_or_none():
    assert [clean_budget(n) for n in (None, 0, 9_000_000 * USD)] == [None, 0, 9_000_000 * USD]


@pytest.mark.parametrize("budget_n", [-1, 9_000_000 * USD + 1])
def test_an_odd_budget_is_refused(budget_n):
    with pytest.raises(BadRequest) as refusal:
        clean_budget(budget_n)

    assert refusal.value.param == "monthlyBudget"
