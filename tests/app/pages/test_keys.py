import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.ids import digest_key
from core.models import ApiKey

HTMX = {"HX-Request": "true"}
SECRET = re.compile(r"sk-bl-[0-9A-Za-z]{38}")


def make_key(browser, **fields):
    return browser.post(
        "/keys", {"name": "production", "key_type": "standard", "period": "month", **fields}, form="/keys/new"
    )


def test_a_new_account_is_told_what_keys_are_for(browser, person):
    page = browser.get("/keys").text

    assert "No keys yet" in page
    assert 'href="/keys/new"' in page


def test_a_new_key_is_shown_once(browser, person, db, settings):
    response = make_key(browser)

    secret = SECRET.search(response.text)[0]
    key = db.scalar(select(ApiKey))
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "private, no-store"
    assert key.digest == digest_key(secret, settings.key_pepper)
    assert not SECRET.search(browser.get("/keys").text)


def test_a_new_key_comes_with_code_to_paste(browser, person, make):
    make.provider()
    make.offer("acme/tiny")

    page = make_key(browser).text

    assert "base_url=&#34;http" not in page
    assert 'model="acme/tiny"' in page
    assert "/api/v1/chat/completions" in page


def test_a_key_is_made_with_its_limit_and_its_end(browser, person, db):
    day = (datetime.now(UTC) + timedelta(days=30)).date()

    make_key(browser, limit=" $2.50 ", period="week", expires_on=day.isoformat(), key_type="management")

    key = db.scalar(select(ApiKey))
    assert (key.spend_limit_n, key.spend_limit_period, key.key_type) == (2_500_000_000, "week", "management")
    assert key.expires_at == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("name", "", "1 to 100 characters"),
        ("name", "x" * 101, "1 to 100 characters"),
        ("name", "\x00\x01", "1 to 100 characters"),
        ("limit", "many", "an amount of dollars"),
        ("limit", "NaN", "an amount of dollars"),
        ("limit", "1e400", "an amount of dollars"),
        ("limit", "-1", "from 0 to 9,000,000"),
        ("limit", "0.0000000001", "an amount of dollars"),
        ("limit", "9" * 5000, "an amount of dollars"),
        ("period", "decade", "must be one of"),
        ("key_type", "education", "must be one of"),
        ("expires_on", "2020-01-01", "in the future"),
        ("expires_on", "9999-12-31", "Write a day"),
        ("expires_on", "soon", "Write a day"),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field(browser, person, db, field, text, words):
    response = make_key(browser, **{field: text})

    assert response.status_code == 422
    assert words in response.text
    assert db.scalar(select(ApiKey)) is None


def test_keys_show_what_they_spent(browser, person, make, call):
    key = make.key(person, name="production", spend_limit_n=10**9)
    call(key, charge_n=123_450)
    call(key, charge_n=1)

    page = browser.get("/keys").text

    assert f"{key.prefix}…{key.suffix}" in page
    assert page.count('$0.00<span class="tail" data-pad="">0123451</span>') == 4  # today, week, month, in all
    assert "of $1.00" in page


def test_a_key_that_reached_its_limit_is_shown_as_paused(browser, person, make, call):
    key = make.key(person, spend_limit_n=1000)
    call(key, charge_n=1000)

    assert "Paused by its limit" in browser.get("/keys").text


@pytest.mark.parametrize(("path", "before", "after"), [("disable", True, False), ("enable", False, True)])
def test_a_key_is_switched_off_and_on(browser, person, make, db, path, before, after):
    key = make.key(person)
    key.enabled = before
    db.commit()
    ver = key.ver

    response = browser.post(f"/keys/{key.id}/{path}", form="/keys")

    db.refresh(key)
    assert (response.status_code, response.headers["Location"]) == (303, "/keys")
    assert key.enabled is after
    assert key.ver > ver


def test_with_htmx_only_the_row_comes_back(browser, person, make):
    key = make.key(person)

    response = browser.post(f"/keys/{key.id}/disable", form="/keys", headers=HTMX)

    assert response.text.strip().startswith(f'<tr id="key-{key.id}">')
    assert 'id="notices"' in response.text
    assert "<html" not in response.text


def test_a_deleted_key_is_gone_from_the_list(browser, person, make, db):
    key = make.key(person, name="old one")

    response = browser.post(f"/keys/{key.id}/delete", form="/keys", headers=HTMX)

    db.refresh(key)
    assert "<tr" not in response.text
    assert key.deleted_at is not None
    assert f"key-{key.id}" not in browser.get("/keys").text


@pytest.mark.parametrize("action", ["disable", "enable", "delete"])
def test_a_key_of_somebody_else_is_not_found(browser, person, make, db, action):
    key = make.key()

    response = browser.post(f"/keys/{key.id}/{action}", form="/keys/new")

    db.refresh(key)
    assert response.status_code == 404
    assert key.enabled
    assert key.deleted_at is None


def test_nobody_sees_the_keys_of_others(browser, person, make):
    key = make.key(name="not yours")

    page = browser.get("/keys").text

    assert "not yours" not in page
    assert key.suffix not in page


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "' hx-get='/x"]
)
def test_a_name_stays_text(browser, person, make, name):
    make.key(person, name=name)

    page = browser.get("/keys").text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert ">49<" not in page
    assert "' hx-get='/x" not in page
