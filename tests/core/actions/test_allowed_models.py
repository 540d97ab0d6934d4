"""Lists of allowed models: replaced whole, by an admin, in force for the next call."""

import pytest

from core.actions.allowed_models import set_allowed_models
from core.actions.audit import OPERATOR, person
from core.errors import BadRequest, Forbidden


@pytest.fixture(params=["org", "team", "member"])
def holder(request, make):
    """An organization, a team and a member, each in turn, of the organization `org`."""
    org = make.org()
    return org, {"org": lambda: org, "team": lambda: make.team(org), "member": lambda: make.member(org)}[
        request.param
    ]()


def test_a_list_replaces_the_one_before_and_an_empty_one_clears_it(db, holder, traces):
    org, held = holder
    left = traces(org.wallet_id)

    set_allowed_models(db, held, ["OpenAI/GPT-4o", "anthropic/*"], by=OPERATOR)
    db.commit()
    first = held.allowed_models
    set_allowed_models(db, held, [], by=OPERATOR)

    assert first == ["openai/gpt-4o", "anthropic/*"]
    assert held.allowed_models == []
    assert left.bumps() == 2
    assert [(e.action, e.target_id, e.after["allowed_models"]) for e in left.entries()] == [
        ("allowed_models.updated", str(held.id), first),
        ("allowed_models.updated", str(held.id), []),
    ]


def test_the_same_list_again_leaves_no_trace(db, holder, traces):
    org, held = holder
    set_allowed_models(db, held, ["openai/*"], by=OPERATOR)
    left = traces(org.wallet_id)

    set_allowed_models(db, held, [" OPENAI/*", "openai/*"], by=OPERATOR)

    assert (left.entries(), left.bumps()) == ([], 0)


def test_a_list_with_a_wrong_entry_changes_nothing(db, holder):
    _, held = holder

    with pytest.raises(BadRequest) as refusal:
        set_allowed_models(db, held, ["openai/*", "gpt-4o"], by=OPERATOR)

    assert refusal.value.param == "allowedModels"
    assert "'gpt-4o'" in refusal.value.message
    assert held.allowed_models == []


def test_a_team_admin_does_not_set_lists(db, make):
    team = make.team()
    by = person(make.member(team=team, role="team_admin").user_id)

    for held in (team, make.member(team=team)):
        with pytest.raises(Forbidden):
            set_allowed_models(db, held, [], by=by)
