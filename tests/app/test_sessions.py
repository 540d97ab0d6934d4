from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from core.models import UserSession


def test_a_stranger_is_sent_to_sign_in_and_back_again(browser):
    response = browser.get("/keys")

    assert response.status_code == 303
    assert response.headers["Location"] == "/sign-in?next=/keys"


def test_a_stranger_with_htmx_is_sent_by_its_header(browser):
    response = browser.get("/usage/calls?since=1", headers={"HX-Request": "true"})

    assert response.headers["HX-Redirect"] == "/sign-in"


def test_signing_in_makes_a_new_session_each_time(browser, make, db):
    user = make.user()

    browser.sign_in(user.email)
    first = db.scalars(select(UserSession.digest)).all()
    browser.client.delete_cookie("session")
    browser.sign_in(user.email)

    db.rollback()
    assert len(first) == 1
    assert len(set(db.scalars(select(UserSession.digest)))) == 2


def test_a_session_that_was_taken_away_is_over_at_once(browser, person, db):
    db.execute(update(UserSession).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    db.commit()

    assert browser.get("/usage").status_code == 303


def test_a_suspended_account_is_out_at_once(browser, person, db):
    person.suspended_at = datetime.now(UTC)
    db.commit()

    assert browser.get("/usage").status_code == 303


def test_a_copy_of_the_cookie_is_worth_nothing_after_signing_out(browser, visitor, person):
    thief = visitor()
    thief.client.set_cookie("session", browser.client.get_cookie("session").value)
    assert thief.get("/usage").status_code == 200

    browser.post("/sign-out", form="/keys/new")

    assert thief.get("/usage").status_code == 303
