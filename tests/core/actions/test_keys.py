"""Keys: shown once, changed for the very next call."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from core.actions import keys
from core.actions.keys import create_key, delete_key, rename, set_enabled, set_spend_limit
from core.errors import BadRequest, Conflict
from core.ids import digest_key, is_well_formed
from core.models import ApiKey
from core.queries.keys import key_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_a_key_is_kept_as_a_digest_and_shown_once(make, settings):
    user = make.user()

    key = make.key(user, name=" laptop ")

    secret = make.secrets[key.id]
    assert is_well_formed(secret)
    assert key.digest == digest_key(secret, settings.key_pepper)
    assert (key.prefix, key.suffix, key.name) == (secret[:10], secret[-4:], "laptop")
    assert (key.wallet_id, key.user_id, key.key_type, key.enabled) == (
        user.wallet_id,
        user.id,
        "standard",
        True,
    )


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("name", {"name": ""}),
        ("name", {"name": " \x00\n "}),
        ("name", {"name": "x" * 101}),
        ("keyType", {"key_type": "education"}),
        ("spendLimitUsd", {"spend_limit_n": -1}),
        ("spendLimitUsd", {"spend_limit_n": 9_000_000 * 10**9 + 1}),
        ("spendLimitPeriod", {"spend_limit_period": "year"}),
        ("expiresAt", {"expires_at": NOW}),
        ("expiresAt", {"expires_at": NOW.replace(tzinfo=None)}),
    ],
)
def test_an_unusable_field_is_named(db, make, param, fields):
    with pytest.raises(BadRequest) as refusal:
        create_key(db, make.user(), **{"name": "k", "pepper": b"p" * 32, "now": NOW, **fields})

    assert refusal.value.param == param


def test_control_characters_do_not_get_into_a_name(db, make):
    key = make.key(name="my\x1b[31m key\r\n\u202e")

    assert key.name == "my[31m key"


def test_an_account_has_a_bounded_number_of_keys(make, monkeypatch):
    monkeypatch.setattr(keys, "MAX_KEYS", 2)
    user = make.user()
    first = make.key(user)
    make.key(user)

    with pytest.raises(Conflict):
        make.key(user)

    delete_key(first, now=NOW)
    assert make.key(user)


@pytest.mark.parametrize(
    "change",
    [
        lambda key: set_enabled(key, enabled=False),
        lambda key: set_spend_limit(key, 5),
        lambda key: set_spend_limit(key, None, period="day"),
        lambda key: delete_key(key, now=NOW),
    ],
)
def test_a_change_that_matters_grows_the_version(db, make, change):
    key = make.key()

    change(key)
    db.commit()

    assert db.scalar(text("SELECT ver FROM api_keys")) == 2


def test_a_change_that_does_not_matter_keeps_the_version(db, make):
    key = make.key()

    rename(key, "another")
    set_enabled(key, enabled=True)
    db.commit()

    assert (key.name, key.ver) == ("another", 1)


def test_deleting_twice_keeps_the_first_moment(db, make):
    key = make.key()
    delete_key(key, now=NOW)

    delete_key(key, now=NOW + timedelta(days=1))
    db.commit()

    assert (key.deleted_at, key.ver) == (NOW, 2)


def test_two_changes_at_once_are_two_versions(db, make, sessions):
    key = make.key()
    with sessions() as session:
        same = session.get(ApiKey, key.id)
        set_enabled(key, enabled=False)
        db.commit()
        delete_key(same, now=NOW)
        session.commit()

    assert db.scalar(text("SELECT ver FROM api_keys")) == 3


def test_a_limit_keeps_its_period_unless_told(db, make):
    key = make.key(spend_limit_n=5, spend_limit_period="week")

    set_spend_limit(key, 7)
    db.commit()

    assert (key.spend_limit_n, key.spend_limit_period) == (7, "week")
    assert db.scalar(key_of(key.wallet_id, key.id)) is key
