"""The audit log, from the command line."""

import pytest


@pytest.fixture(autouse=True)
def acme(make):
    make.org(name="Other")
    return make.org(make.user(email="ada@example.com"), name="Acme")


def test_what_operators_change_is_in_the_log_of_the_organization(bazaar, acme):
    bazaar("credits", "grant", "Acme", "5", "--note", "prepaid")
    bazaar("key", "create", "ada@example.com", "--org", "Acme", "--name", "website")

    log = bazaar("audit", "list", "--org", "Acme").data["entries"]

    assert [entry["action"] for entry in log] == ["key.created", "credits.granted", "org.created"]
    assert {(entry["org_id"], entry["actor_kind"]) for entry in log} == {(str(acme.id), "operator")}
    assert log[1]["after"]["balance_n"] == 5 * 10**9


def test_the_whole_log_is_read_page_by_page(bazaar):
    first = bazaar("audit", "list", "--limit", "1").data["entries"]
    rest = bazaar("audit", "list", "--before", first[0]["id"]).data["entries"]

    assert [entry["action"] for entry in first + rest] == ["org.created", "org.created"]
    assert first[0]["id"] > rest[0]["id"]


def test_a_person_sees_what_was_and_what_is(bazaar, acme):
    bazaar("org", "rename", "Acme", "Ajax")

    line = bazaar.say("audit", "list", "--org", "Ajax").out.splitlines()[1]

    assert line.split()[3:] == [
        "operator",
        "org.updated",
        "org",
        str(acme.id),
        '{"name":"Acme"}',
        '{"name":"Ajax"}',
    ]


def test_an_empty_log_is_said_so(bazaar):
    assert bazaar.say("audit", "list", "--before", "1").out == "No entries.\n"
