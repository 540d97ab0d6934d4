"""Lists of allowed models, from the command line."""

import pytest

SCOPES = {"org": (), "team": ("--team", "Research"), "member": ("--member", "bob@example.com")}


@pytest.fixture(autouse=True)
def acme(make):
    org = make.org(name="Acme")
    make.member(org, make.user(email="bob@example.com"), team=make.team(org, name="Research"))
    return org


@pytest.mark.parametrize("scope", SCOPES)
def test_a_list_is_set_shown_and_cleared(bazaar, scope):
    of = ("--org", "Acme", *SCOPES[scope])

    bazaar("allowed-models", "set", "OpenAI/gpt-4o", "anthropic/*", *of)
    shown = bazaar("allowed-models", "show", *of)
    text = bazaar.say("allowed-models", "show", *of).out
    cleared = bazaar.say("allowed-models", "clear", *of).out

    assert shown.data["allowed_models"] == ["openai/gpt-4o", "anthropic/*"]
    assert text == "openai/gpt-4o\nanthropic/*\n"
    assert cleared == "No restriction.\n"
    assert bazaar("allowed-models", "show", *of).data["allowed_models"] == []


def test_a_list_shows_where_it_holds(bazaar):
    bazaar("allowed-models", "set", "openai/*", "--org", "Acme", "--team", "Research")

    assert "openai/*" in bazaar.say("team", "list", "--org", "Acme").out


@pytest.mark.parametrize("words", [(), ("gpt-4o",), ("openai/*", "openai/gpt-*")])
def test_a_list_with_a_wrong_entry_changes_nothing(bazaar, words):
    bazaar("allowed-models", "set", "openai/gpt-4o", "--org", "Acme")

    assert bazaar("allowed-models", "set", *words, "--org", "Acme").code == 1

    assert bazaar("allowed-models", "show", "--org", "Acme").data["allowed_models"] == ["openai/gpt-4o"]
