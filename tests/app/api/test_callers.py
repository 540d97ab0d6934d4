"""Who the management API lets in."""

import pytest

from core.ids import EDUCATION_PREFIX, new_key
from core.models import Wallet
from core.queries.audit import entries

PATHS = ["/credits", "/usage", "/keys"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer x", "Basic abc", "Bearer UNKNOWN", "Bearer sk-bl-" + "a" * 300],
)
def test_nobody_gets_in_without_a_good_key(app, path, header):
    headers = {} if header is None else {"Authorization": header.replace("UNKNOWN", new_key())}

    answer = app.test_client().get("/api/v1" + path, headers=headers)

    assert answer.status_code == 401
    assert answer.json["error"]["type"] == "authentication_error"
    assert answer.json["error"]["code"] == 401


def test_an_institution_key_is_told_where_to_go(app):
    header = {"Authorization": f"Bearer {new_key(EDUCATION_PREFIX)}"}

    answer = app.test_client().get("/api/v1/credits", headers=header)

    assert answer.status_code == 403
    message = answer.json["error"]["message"]
    assert message == "Education keys cannot be used directly. Visit /access to exchange for a session."


def test_a_suspended_wallet_is_refused(program, db):
    manager = program()
    db.get(Wallet, manager.user.wallet_id).suspended_at = manager.user.created_at
    db.commit()

    assert manager("GET", "/credits").status_code == 403


def test_a_key_beside_a_cookie_decides_alone(browser, person, program):
    answer = browser.get("/api/v1/credits", headers={"Authorization": f"Bearer {new_key()}"})

    assert answer.status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_a_key_of_a_team_or_a_member_does_not_read_the_organizations_books(app, make, path):
    org = make.org(credits_usd="5")
    keys = [make.key(team=make.team(org)), make.key(member=make.member(org))]

    for key in keys:
        header = {"Authorization": f"Bearer {make.secrets[key.id]}"}
        answer = app.test_client().get(f"/api/v1{path}", headers=header)
        assert answer.status_code == 403


def test_a_key_of_an_organization_reads_what_it_has(app, make):
    key = make.key(org=make.org(credits_usd="5"))

    answer = app.test_client().get(
        "/api/v1/credits", headers={"Authorization": f"Bearer {make.secrets[key.id]}"}
    )

    assert answer.json["data"]["total_credits"] == 5


def test_the_log_names_the_key_that_was_used(program, db):
    manager = program()

    made = manager("POST", "/keys", {"name": "Agent"}).json
    manager("PATCH", f"/keys/{made['id']}", {"enabled": False})
    manager("POST", f"/keys/{made['id']}/rotate", {})
    manager("DELETE", f"/keys/{made['id']}")

    db.rollback()
    log = db.scalars(entries(limit=4)).all()
    assert [entry.action for entry in log] == ["key.deleted", "key.rotated", "key.updated", "key.created"]
    assert {(e.actor_kind, e.actor_id, e.ip) for e in log} == {("key", manager.key.id, "127.0.0.1")}


def test_the_log_names_who_is_signed_in(browser, person, db):
    made = browser.post(
        "/keys", {"name": "mine", "key_type": "standard", "period": "month"}, form="/keys/new"
    )
    assert made.status_code == 201

    db.rollback()
    entry = db.scalars(entries(limit=1)).one()
    assert (entry.action, entry.actor_kind, entry.actor_id) == ("key.created", "user", person.id)
    assert entry.ip == "127.0.0.1"
