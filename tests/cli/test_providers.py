"""Providers, from the command line."""

import pytest

from core.queries.catalog import provider_by_name, version
from core.secrets import unseal

URL = "https://api.example.com/v1"


def upstream_key(db, settings, name="acme"):
    db.rollback()
    provider = db.scalars(provider_by_name(name)).one()
    return unseal(settings.provider_secret, provider.sealed_key, context=f"provider:{name}")


def test_a_provider_is_added_with_the_credential_of_a_variable(bazaar, db, settings):
    done = bazaar(
        *("provider", "add", "acme", "--base-url", URL, "--title", "Acme", "--api-key-env", "ACME_KEY"),
        ACME_KEY="upstream-secret",
    )

    assert (done.code, done.data["title"], done.data["has_credential"]) == (0, "Acme", True)
    assert upstream_key(db, settings) == "upstream-secret"
    assert "upstream-secret" not in done.out


def test_a_credential_can_be_replaced_and_is_never_shown(bazaar, db, settings):
    bazaar("provider", "add", "acme", "--base-url", URL)

    done = bazaar("provider", "set-key", "acme", "--api-key", "another-secret")

    assert upstream_key(db, settings) == "another-secret"
    assert "another-secret" not in done.out + bazaar("provider", "list").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--api-key-env", "NOT_THERE"), "NOT_THERE is not set"),
        (("--api-key-env", "A", "--api-key", "b"), "not both"),
        (("--base-url", "http://10.0.0.5/v1"), "https"),
        (("--base-url", "https://10.0.0.5/v1"), "private"),
    ],
)
def test_an_unusable_field_adds_no_provider(bazaar, words, says):
    done = bazaar("provider", "add", "acme", "--base-url", URL, *words)

    assert done.code == 1
    assert says in done.message
    assert bazaar("provider", "list").data["providers"] == []


def test_a_private_address_can_be_allowed(bazaar):
    done = bazaar("provider", "add", "lab", "--base-url", "http://10.0.0.5:8000/v1", "--allow-private")

    assert (done.code, done.data["allow_private"]) == (0, True)


def test_running_processes_are_told_of_every_change(bazaar, db):
    versions = []
    for words in (
        ("add", "acme", "--base-url", URL),
        ("set-key", "acme", "--api-key", "x"),
        ("disable", "acme"),
        ("enable", "acme"),
    ):
        assert bazaar("provider", *words).code == 0
        db.rollback()
        versions.append(db.scalar(version()))

    assert versions == sorted(set(versions))
    assert "on" in bazaar.say("provider", "list").out


@pytest.mark.parametrize("words", [("disable",), ("enable",), ("set-key", "--api-key", "x")])
def test_a_provider_that_is_not_there_is_named(bazaar, words):
    done = bazaar("provider", *words, "nowhere")

    assert (done.code, done.message) == (1, "There is no provider named nowhere. See bazaar provider list.")


def test_another_address_wants_the_credential_again(bazaar, db, settings):
    bazaar("provider", "add", "acme", "--base-url", URL, "--api-key", "old-secret")

    refused = bazaar("provider", "set-url", "acme", "--base-url", "https://eu.example.com/v1")
    moved = bazaar(
        *("provider", "set-url", "acme", "--base-url", "https://eu.example.com/v1", "--api-key", "new-secret")
    )

    assert (refused.code, moved.code) == (1, 0)
    assert "--api-key-env or --api-key" in refused.message
    assert moved.data["base_url"] == "https://eu.example.com/v1"
    assert upstream_key(db, settings) == "new-secret"


def test_a_refused_address_leaves_a_provider_where_it_is(bazaar, db, settings):
    bazaar("provider", "add", "acme", "--base-url", URL, "--api-key", "old-secret")

    done = bazaar(
        *("provider", "set-url", "acme", "--base-url", "http://10.0.0.5/v1", "--api-key", "new-secret")
    )

    assert (done.code, bazaar("provider", "list").data["providers"][0]["base_url"]) == (1, URL)
    assert upstream_key(db, settings) == "old-secret"
