"""Keys: shown once, changed for the very next call."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from core.actions import keys
from core.actions.audit import person
from core.actions.keys import create_key, delete_key, rename, rotate_key, set_enabled, set_spend_limit
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


def test_an_account_has_a_bounded_number_of_keys(db, make, monkeypatch):
    monkeypatch.setattr(keys, "MAX_KEYS", 2)
    user = make.user()
    first = make.key(user)
    make.key(user)

    with pytest.raises(Conflict):
        make.key(user)

    delete_key(db, first, now=NOW)
    assert make.key(user)


@pytest.mark.parametrize(
    "change",
    [
        lambda db, key: set_enabled(db, key, enabled=False),
        lambda db, key: set_spend_limit(db, key, 5),
        lambda db, key: set_spend_limit(db, key, None, period="day"),
        lambda db, key: delete_key(db, key, now=NOW),
    ],
)
def test_a_change_that_matters_grows_the_version(db, make, change):
    key = make.key()

    change(db, key)
    db.commit()

    assert db.scalar(text("SELECT ver FROM api_keys")) == 2


def test_a_change_that_does_not_matter_keeps_the_version(db, make):
    key = make.key()

    rename(db, key, "another")
    set_enabled(db, key, enabled=True)
    db.commit()

    assert (key.name, key.ver) == ("another", 1)


def test_deleting_twice_keeps_the_first_moment(db, make):
    key = make.key()
    delete_key(db, key, now=NOW)

    delete_key(db, key, now=NOW + timedelta(days=1))
    db.commit()

    assert (key.deleted_at, key.ver) == (NOW, 2)


def test_two_changes_at_once_are_two_versions(db, make, sessions):
    key = make.key()
    with sessions() as session:
        same = session.get(ApiKey, key.id)
        set_enabled(db, key, enabled=False)
        db.commit()
        delete_key(session, same, now=NOW)
        session.commit()

    assert db.scalar(text("SELECT ver FROM api_keys")) == 3


def test_a_limit_keeps_its_period_unless_told(db, make):
    key = make.key(spend_limit_n=5, spend_limit_period="week")

    set_spend_limit(db, key, 7)
    db.commit()

    assert (key.spend_limit_n, key.spend_limit_period) == (7, "week")
    assert db.scalar(key_of(key.wallet_id, key.id)) is key


def test_each_change_of_a_key_is_written_down_and_none_holds_a_secret(db, make, traces, settings):
    user = make.user()
    by = person(user.id, ip="::1")
    left = traces(user.wallet_id)
    key = make.key(user, name="laptop", spend_limit_n=5, by=by)

    rename(db, key, "desktop", by=by)
    set_enabled(db, key, enabled=False, by=by)
    set_spend_limit(db, key, 7, period="day", by=by)
    old_suffix = key.suffix
    secret = rotate_key(db, key, pepper=settings.key_pepper, overlap_hours=1, now=NOW, by=by)
    delete_key(db, key, now=NOW, by=by)

    entries = left.entries()
    assert {(e.actor_id, e.ip, e.target_id, e.wallet_id) for e in entries} == {
        (user.id, "::1", str(key.id), user.wallet_id)
    }
    assert [e.action for e in entries] == [
        "key.created",
        "key.updated",
        "key.updated",
        "key.updated",
        "key.rotated",
        "key.deleted",
    ]
    assert entries[0].after["spend_limit_n"] == 5
    assert entries[3].after == {"spend_limit_n": 7, "spend_limit_period": "day"}
    assert entries[4].before["suffix"] == old_suffix
    said = db.scalar(text("SELECT string_agg(audit_log::text, ' ') FROM audit_log"))
    assert not {secret, make.secrets[key.id], key.digest.hex(), key.previous_digest.hex()} & set(
        said.split('"')
    )


def test_a_key_of_a_member_is_in_the_organizations_log(db, make, traces):
    org = make.org()
    member = make.member(org)
    left = traces(org.wallet_id)

    key = make.key(member=member)
    set_enabled(db, key, enabled=False)

    assert (key.scope, key.member_id, key.user_id) == ("member", member.id, member.user_id)
    assert [(e.action, e.org_id, e.actor_kind) for e in left.entries()] == [
        ("key.created", org.id, "operator"),
        ("key.updated", org.id, "operator"),
    ]


def test_a_management_key_is_an_accounts_own(db, make):
    org = make.org()

    with pytest.raises(BadRequest) as refusal:
        make.key(org=org, key_type="management")

    assert refusal.value.param == "keyType"


def test_every_owner_has_a_bounded_number_of_keys_in_an_organization(make, monkeypatch):
    monkeypatch.setattr(keys, "MAX_KEYS", 1)
    org = make.org()
    one, other = make.member(org), make.member(org)
    make.key(member=one)

    with pytest.raises(Conflict):
        make.key(member=one)

    assert make.key(member=other)


@pytest.mark.parametrize(
    "change",
    [
        lambda db, key: rename(db, key, "another"),
        lambda db, key: set_enabled(db, key, enabled=False),
        lambda db, key: set_spend_limit(db, key, 5),
        lambda db, key: rotate_key(db, key, pepper=b"p" * 32, overlap_hours=0, now=NOW),
        lambda db, key: delete_key(db, key, now=NOW),
    ],
)
def test_a_change_of_a_key_waits_for_no_call_that_holds_its_wallet(db, make, sessions, change):
    key = make.key()
    with sessions() as admission:
        admission.execute(text("SELECT id FROM wallets FOR UPDATE"))
        db.execute(text("SET lock_timeout = '50ms'"))

        change(db, key)
        db.commit()

    actions = db.scalars(text("SELECT action FROM audit_log ORDER BY id")).all()
    assert len(actions) == 2
