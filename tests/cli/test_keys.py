"""API keys, from the command line."""

from uuid import uuid4

import pytest

from core.ids import digest_key, is_well_formed
from core.queries.grants import grant_by_digest


def grant(db, settings, secret):
    db.rollback()
    return db.execute(grant_by_digest(digest_key(secret, settings.key_pepper))).one_or_none()


def test_a_key_is_made_with_all_it_may_have(bazaar, db, settings, make):
    user = make.user(email="ada@example.com")

    done = bazaar(
        *("key", "create", "ada@example.com", "--name", "ci", "--type", "management", "--limit", "20"),
        *("--period", "week", "--expires", "2999-01-31"),
    )

    assert is_well_formed(done.data["key"])
    assert (done.data["spend_limit_usd"], done.data["spend_limit_period"]) == (20, "week")
    assert done.data["expires_at"] == "2999-01-31T00:00:00Z"
    row = grant(db, settings, done.data["key"])
    assert (row.user_id, row.key_type) == (user.id, "management")


def test_the_secret_is_shown_once(bazaar, make):
    make.user(email="ada@example.com")
    made = bazaar("key", "create", "ada@example.com", "--name", "laptop")

    listed = bazaar("key", "list", "ada@example.com")
    shown = bazaar.say("key", "list", "ada@example.com")

    assert [key["id"] for key in listed.data["keys"]] == [made.data["id"]]
    assert made.data["key"] not in listed.out + shown.out
    assert made.data["suffix"] in shown.out


def test_disabling_enabling_and_deleting_each_make_proxies_read_the_key_again(bazaar, db, settings, make):
    make.user(email="ada@example.com")
    made = bazaar("key", "create", "ada@example.com", "--name", "laptop").data

    seen = [grant(db, settings, made["key"])]
    for word in ("disable", "enable"):
        bazaar("key", word, made["id"])
        seen.append(grant(db, settings, made["key"]))
    bazaar("key", "delete", made["id"])

    assert [(row.enabled, row.key_ver) for row in seen] == [(True, 1), (False, 2), (True, 3)]
    assert grant(db, settings, made["key"]) is None


@pytest.mark.parametrize("word", ["disable", "enable", "delete"])
def test_a_key_that_is_not_there_is_named(bazaar, word):
    key_id = uuid4()

    done = bazaar("key", word, key_id)

    assert (done.code, done.data["error"]["code"]) == (1, 404)
    assert str(key_id) in done.message


@pytest.mark.parametrize(
    "words",
    [
        ("--limit", "-1"),
        ("--expires", "soon"),
        ("--expires", "2001-01-01"),
        ("--type", "root"),
        ("--name", ""),
    ],
)
def test_an_unusable_field_makes_no_key(bazaar, make, words):
    make.user(email="ada@example.com")

    done = bazaar("key", "create", "ada@example.com", "--name", "laptop", *words)

    assert done.code == 1
    assert bazaar("key", "list", "ada@example.com").data["keys"] == []


def test_a_key_is_made_for_an_organization_a_team_or_a_member(bazaar, db, settings, make):
    org = make.org(make.user(email="ada@example.com"), name="Acme")
    team = make.team(org, name="Research")
    words = ("key", "create", "ada@example.com", "--org", "Acme")

    made = [
        bazaar(*words, "--name", name, *of).data
        for name, of in (("website", ()), ("notebooks", ("--team", "Research")), ("laptop", ("--member",)))
    ]

    assert [key["scope"] for key in made] == ["org", "team", "member"]
    assert {grant(db, settings, key["key"]).wallet_id for key in made} == {org.wallet_id}
    assert (made[1]["team_id"], made[2]["member_id"] is None) == (str(team.id), False)
    listed = bazaar("key", "list", "Acme").data["keys"]
    assert [key["name"] for key in listed] == ["laptop", "notebooks", "website"]
    assert bazaar("key", "list", "ada@example.com").data["keys"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--team", "Research"), 400),
        (("--member",), 400),
        (("--org", "Acme"), 400),
        (("--org", "Acme", "--member"), 404),
        (("--org", "Acme", "--team", "Sales"), 404),
    ],
)
def test_a_key_of_what_one_is_not_in_is_not_made(bazaar, make, words, code):
    make.team(make.org(name="Acme"), name="Research")
    make.user(email="bob@example.com")

    done = bazaar("key", "create", "bob@example.com", "--name", "x", *words)

    assert (done.code, done.data["error"]["code"]) == (1, code)
    assert bazaar("key", "list", "Acme").data["keys"] == []
