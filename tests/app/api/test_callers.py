"""Who the management API lets in."""

import pytest

from core.ids import EDUCATION_PREFIX, new_key
from core.models import Wallet

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
