from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select

from core.links import verification_token
from core.models import User

ADA = {"email": "Ada@Example.com", "password": "a few words in a row"}


def jobs(settings) -> list[str]:
    with Redis.from_url(settings.redis_url) as redis:
        return [job.func_name for job in Queue("mail", connection=redis, serializer=JSONSerializer).jobs]


def test_signing_up_opens_an_account_and_signs_in(browser, db, settings):
    response = browser.post("/sign-up", ADA, form="/sign-up")

    assert (response.status_code, response.headers["Location"]) == (303, "/keys")
    page = browser.get("/keys").text
    assert "ada@example.com" in page
    assert "Send it again" in page
    assert db.scalar(select(User.email)) == "ada@example.com"
    assert jobs(settings) == ["worker.jobs.mail.send_verification"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "short"}, "12 to 200 characters"),
        ({"password": "x" * 201}, "12 to 200 characters"),
        ({"email": "nobody"}, "mail address"),
        ({"email": ""}, "mail address"),
        ({"email": "a@b@c.example"}, "mail address"),
        ({"email": "a\r\nBcc: x@example.com"}, "mail address"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_form(browser, db, change, words):
    response = browser.post("/sign-up", {**ADA, **change}, form="/sign-up")

    assert response.status_code == 422
    assert words in response.text
    assert 'aria-invalid="true"' in response.text
    assert db.scalar(select(User)) is None


def test_an_address_with_an_account_is_told_to_sign_in(browser, make):
    make.user(email="ada@example.com")

    response = browser.post("/sign-up", ADA, form="/sign-up")

    assert response.status_code == 422
    assert "already has an account" in response.text


def test_of_several_at_once_with_one_address_one_signs_up(visitor, db):
    browsers, start = [visitor() for _ in range(4)], Barrier(4)

    def sign_up(browser) -> int:
        start.wait(timeout=10)
        return browser.post("/sign-up", ADA, form="/sign-up").status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(sign_up, browsers))

    assert statuses == [303, 422, 422, 422]
    assert len(db.scalars(select(User)).all()) == 1


def test_the_link_of_the_mail_proves_the_address_after_a_click(browser, visitor, make, db, settings):
    user = make.user()
    path = f"/verify/{verification_token(user.id, user.email, secret=settings.secret_key)}"

    looked = visitor().get(path)
    db.refresh(user)
    assert looked.status_code == 200
    assert user.verified_at is None

    response = browser.post(path, form=path)

    db.refresh(user)
    assert response.status_code == 303
    assert user.verified_at is not None


def test_a_verified_reader_sees_no_banner(browser, make, settings):
    user = make.user()
    path = f"/verify/{verification_token(user.id, user.email, secret=settings.secret_key)}"
    browser.sign_in(user.email)

    browser.post(path, form=path)

    assert "Send it again" not in browser.get("/keys").text


def test_a_link_that_is_none_is_not_found(browser):
    assert browser.get("/verify/nothing").status_code == 404
    assert browser.post("/verify/nothing").status_code == 404


def test_a_link_for_an_address_the_account_no_longer_has_is_not_found(browser, make, settings):
    user = make.user()
    token = verification_token(user.id, "old@example.com", secret=settings.secret_key)

    assert browser.get(f"/verify/{token}").status_code == 404


def test_a_link_of_a_suspended_account_is_not_found(browser, make, db, settings):
    user = make.user()
    user.suspended_at = datetime.now(UTC)
    db.commit()
    token = verification_token(user.id, user.email, secret=settings.secret_key)

    assert browser.get(f"/verify/{token}").status_code == 404


def test_the_mail_can_be_sent_again_a_few_times(browser, person, settings):
    before = len(jobs(settings))

    answers = [browser.post("/verification", form="/keys/new") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [303, 303, 303, 429]
    assert len(jobs(settings)) == before + 3


def test_sending_again_with_htmx_answers_with_the_notice(browser, person):
    response = browser.post("/verification", form="/keys/new", headers={"HX-Request": "true"})

    assert response.status_code == 200
    assert "on its way" in response.text
    assert "<html" not in response.text
