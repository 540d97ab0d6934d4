"""Providers: a place we may reach, with a credential nobody reads."""

import pytest
from sqlalchemy import text

from core.actions.providers import add_provider, put_provider, set_key
from core.errors import BadRequest, Conflict
from core.queries.audit import entries
from core.secrets import unseal

SECRET = b"s" * 32


def add(db, **fields):
    known = {"name": "acme", "kind": "openai", "base_url": "https://api.example.com/v1/", "secret": SECRET}
    return add_provider(db, **{**known, **fields})


def version(db):
    return db.scalar(text("SELECT version FROM catalog_version"))


def test_a_provider_is_kept_with_a_sealed_credential(db):
    before = version(db)

    provider = add(db, api_key="sk-upstream", title="Acme Inc.")
    db.commit()

    assert (provider.base_url, provider.title, provider.enabled) == (
        "https://api.example.com/v1",
        "Acme Inc.",
        True,
    )
    assert b"upstream" not in provider.sealed_key
    assert unseal(SECRET, provider.sealed_key, context="provider:acme") == "sk-upstream"
    assert version(db) > before


def test_a_provider_may_wait_for_its_credential(db):
    provider = add(db)
    assert provider.sealed_key is None
    before = version(db)

    set_key(db, provider, "sk-upstream", secret=SECRET)

    assert unseal(SECRET, provider.sealed_key, context="provider:acme") == "sk-upstream"
    assert version(db) > before


def test_a_sealed_credential_copied_to_another_provider_does_not_open(db):
    provider = add(db, api_key="sk-upstream")

    with pytest.raises(ValueError):
        unseal(SECRET, provider.sealed_key, context="provider:other")


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "Acme"}),
        ("name", {"name": "a/b"}),
        ("name", {"name": "x" * 65}),
        ("name", {"name": "acme\n"}),
        ("kind", {"kind": "telepathy"}),
        ("base_url", {"base_url": "https://127.0.0.1/v1"}),
        ("base_url", {"base_url": "file:///etc/passwd"}),
        ("api_key", {"api_key": ""}),
        ("api_key", {"api_key": "sk\r\nX-Evil: 1"}),
        ("api_key", {"api_key": "schlüssel"}),
        ("api_key", {"api_key": "x" * 4097}),
    ],
)
def test_an_unusable_field_is_named(db, param, fields):
    with pytest.raises(BadRequest) as refusal:
        add(db, **fields)

    assert refusal.value.param == param
    assert "sk" not in str(refusal.value)


def test_a_private_place_is_used_when_it_is_meant(db):
    assert add(db, base_url="http://127.0.0.1:8000/v1", allow_private=True).allow_private


def test_a_name_is_taken_once(db):
    add(db)

    with pytest.raises(Conflict):
        add(db)


def test_the_log_tells_of_a_provider_and_its_credential_and_not_what_it_is(db):
    provider = add(db, api_key="sk-upstream")
    set_key(db, provider, "sk-another", secret=SECRET)
    same = {"name": "acme", "kind": "openai", "api_key": "sk-third", "secret": SECRET}
    put_provider(db, **same, base_url="https://elsewhere.example.com/v1")
    put_provider(db, **same, base_url="https://elsewhere.example.com/v1")

    log = db.scalars(entries()).all()[::-1]
    assert [(entry.action, entry.target_id) for entry in log] == [
        ("provider.added", "acme"),
        ("provider.credential_set", "acme"),
        ("provider.credential_set", "acme"),
        ("provider.updated", "acme"),
        ("provider.credential_set", "acme"),
    ]
    assert log[3].before == {"base_url": "https://api.example.com/v1"}
    assert "sk-" not in db.scalar(text("SELECT string_agg(audit_log::text, ' ') FROM audit_log"))
