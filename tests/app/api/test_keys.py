"""/api/v1/keys: shapes as documented, changes that hold at once, nothing of anybody else's."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.ids import is_well_formed
from core.models import ApiKey

UNKNOWN = "00000000-0000-7000-8000-000000000000"


def test_a_created_key_shows_its_secret_once(program):
    manager = program()

    made = manager("POST", "/keys", {"name": "Agent", "limit": 10.5, "limit_reset": "weekly"})

    assert made.status_code == 201
    assert is_well_formed(made.json["key"])
    assert made.json["keyPrefix"] == made.json["key"][:10]
    assert made.json["keySuffix"] == made.json["key"][-4:]
    told = {
        name: made.json[name] for name in ("name", "keyType", "spendLimitUsd", "spendLimitPeriod", "enabled")
    }
    assert told == {
        "name": "Agent",
        "keyType": "standard",
        "spendLimitUsd": 10.5,
        "spendLimitPeriod": "week",
        "enabled": True,
    }
    listed = manager("GET", "/keys").json["keys"]
    assert [key["name"] for key in listed] == ["Agent", "test key"]
    assert all("key" not in key for key in listed)


def test_a_listed_key_has_the_documented_fields_and_its_use(program, call):
    manager = program()
    call(manager.key, usage={"input_tokens": 1000, "output_tokens": 34})

    (key,) = manager("GET", "/keys").json["keys"]

    assert set(key) == {
        "id",
        "name",
        "keyType",
        "keyPrefix",
        "keySuffix",
        "enabled",
        "spendLimitUsd",
        "spendLimitPeriod",
        "expiresAt",
        "createdAt",
        "lastUsed",
        "requestCount",
        "totalTokens",
    }
    assert (key["requestCount"], key["totalTokens"]) == (1, 1034)
    assert key["lastUsed"].endswith("Z")
    assert key["createdAt"].endswith("Z")


def test_a_patch_changes_only_what_it_names(program, db):
    manager = program()
    path = f"/keys/{manager.key.id}"

    assert manager("PATCH", path, {"spendLimitUsd": 5, "spendLimitPeriod": "week"}).json == {"updated": True}
    assert manager("PATCH", path, {"name": "Renamed"}).json == {"updated": True}

    db.expire_all()
    key = db.get(ApiKey, manager.key.id)
    assert (key.name, key.spend_limit_n, key.spend_limit_period) == ("Renamed", 5_000_000_000, "week")
    manager("PATCH", path, {"spendLimitUsd": None})
    db.expire_all()
    assert db.get(ApiKey, manager.key.id).spend_limit_n is None


def test_a_disabled_key_is_refused_from_the_next_call_on(program):
    manager = program()
    other = program(user=manager.user)

    manager("PATCH", f"/keys/{other.key.id}", {"enabled": False})

    refused = other("GET", "/credits")
    assert refused.status_code == 401
    assert refused.json["error"]["message"] == "Invalid or disabled API key."
    manager("PATCH", f"/keys/{other.key.id}", {"enabled": True})
    assert other("GET", "/credits").status_code == 200


def test_a_deleted_key_is_gone_and_no_longer_works(program):
    manager = program()
    other = program(user=manager.user)

    gone = manager("DELETE", f"/keys/{other.key.id}")

    assert (gone.status_code, gone.data) == (204, b"")
    assert other("GET", "/credits").status_code == 401
    assert [key["id"] for key in manager("GET", "/keys").json["keys"]] == [str(manager.key.id)]
    assert manager("DELETE", f"/keys/{other.key.id}").status_code == 404


def test_rotation_gives_a_new_secret_and_keeps_the_old_one_for_the_overlap(program):
    manager = program()
    other = program("standard", user=manager.user)

    rotated = manager("POST", f"/keys/{other.key.id}/rotate", {"overlap_hours": 24})

    assert rotated.status_code == 200
    assert other("GET", "/credits").status_code == 200
    fresh = {"Authorization": f"Bearer {rotated.json['key']}"}
    assert other("GET", "/credits", headers=fresh).status_code == 200
    until = datetime.fromisoformat(rotated.json["previousKeyExpiresAt"])
    assert timedelta(hours=23, minutes=59) < until - datetime.now(UTC) <= timedelta(hours=24)


def test_rotation_without_overlap_ends_the_old_secret_at_once(program):
    manager = program()
    other = program("standard", user=manager.user)

    manager("POST", f"/keys/{other.key.id}/rotate")

    assert other("GET", "/credits").status_code == 401


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_key_of_somebody_else_is_not_found(program, make, db, method):
    manager, stranger = program(), make.key()

    answer = manager(method, f"/keys/{stranger.id}", {"name": "mine"} if method == "PATCH" else None)

    assert answer.status_code == 404
    assert answer.json == {
        "error": {"message": "There is no such key.", "type": "not_found_error", "code": 404}
    }
    db.expire_all()
    assert db.scalars(select(ApiKey.name).where(ApiKey.id == stranger.id)).one() == "test key"


def test_a_standard_key_manages_nothing(program):
    answer = program("standard")("GET", "/keys")

    assert answer.status_code == 403
    assert answer.json["error"]["type"] == "permission_error"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 7}, "name"),
        ({"name": "x", "limit": -1}, "spendLimitUsd"),
        ({"name": "x", "limit": "10"}, "limit"),
        ({"name": "x", "limit": True}, "limit"),
        ({"name": "x", "limit": 1e12}, "limit"),
        ({"name": "x", "limit": 0.0000000001}, "limit"),
        (b'{"name": "x", "limit": NaN}', None),
        (b'{"name": "x", "limit": 1e400}', None),
        (b'{"name": "x", "name": "y"}', None),
        (b"[1]", None),
        (b"{", None),
        (b"\xff", None),
        ({"name": "x", "limit_reset": "hourly"}, "limit_reset"),
        ({"name": "x", "limit_reset": []}, "limit_reset"),
        ({"name": "x", "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x", "expires_at": 5}, "expires_at"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"name": "x", "user_id": UNKNOWN}, "user_id"),
        ({"name": "x", "keyType": "management"}, "keyType"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_made(program, body, param):
    manager = program()

    answer = manager("POST", "/keys", body)

    assert answer.status_code == 400
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert answer.json["error"].get("param") == param
    assert len(manager("GET", "/keys").json["keys"]) == 1


@pytest.mark.parametrize("body", [{}, {"enabled": "yes"}, {"spendLimitPeriod": "year"}, {"digest": "x"}])
def test_a_bad_patch_changes_nothing(program, body):
    manager = program()
    before = manager("GET", "/keys").json

    assert manager("PATCH", f"/keys/{manager.key.id}", body).status_code == 400
    assert manager("GET", "/keys").json == before


@pytest.mark.parametrize("overlap", [-1, 73, 1.5, "1", True])
def test_an_overlap_is_bounded(program, overlap):
    manager = program()

    answer = manager("POST", f"/keys/{manager.key.id}/rotate", {"overlap_hours": overlap})

    assert (answer.status_code, answer.json["error"]["param"]) == (400, "overlap_hours")


def test_who_is_signed_in_may_list_keys_without_one(browser, person):
    answer = browser.get("/api/v1/keys")

    assert answer.json == {"keys": []}


@pytest.mark.parametrize("when", ["9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z", "9001-01-01"])
def test_an_expiry_beyond_every_calendar_is_refused(program, when):
    made = program()("POST", "/keys", {"name": "Agent", "expires_at": when})

    assert made.status_code == 400
    assert made.json["error"]["param"] == "expiresAt"
