import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.pages.user_sessions import AT_ONE_ACCOUNT


def test_the_right_password_opens_the_door(browser, make):
    user = make.user()

    response = browser.sign_in(user.email.upper())

    assert (response.status_code, response.headers["Location"]) == (303, "/usage")
    assert user.email in browser.get("/usage").text


def test_the_reader_comes_back_to_where_they_wanted_to_go(browser, make):
    user = make.user()

    response = browser.post(
        "/sign-in", {"email": user.email, "password": "correct horse battery", "next": "/keys/new"}
    )

    assert response.headers["Location"] == "/keys/new"


@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_nobody_is_sent_to_another_site(browser, make, address):
    user = make.user()

    response = browser.post(
        "/sign-in", {"email": user.email, "password": "correct horse battery", "next": address}
    )

    assert response.headers["Location"] == "/usage"


def test_an_unknown_address_and_a_wrong_password_look_the_same(browser, make):
    user = make.user()

    wrong = browser.sign_in(user.email, "wrong horse battery")
    unknown = browser.sign_in("nobody@example.com", "wrong horse battery")

    assert wrong.status_code == unknown.status_code == 422
    assert strip(wrong.text, user.email) == strip(unknown.text, "nobody@example.com")


def strip(page: str, email: str) -> str:
    return re.sub(r'(csrf_token" value=|X-CSRFToken": )"[^"]+"', "", page).replace(email, "")


def test_what_was_typed_as_a_password_is_not_sent_back(browser):
    response = browser.sign_in("nobody@example.com", "a secret of mine")

    assert "a secret of mine" not in response.text


def test_guessing_at_one_account_is_slowed_down(browser, make):
    user = make.user()
    allowed = AT_ONE_ACCOUNT.limits[0].amount
    for _ in range(allowed):
        assert browser.sign_in(user.email, "wrong").status_code == 422

    response = browser.sign_in(user.email)

    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0


def test_guesses_at_one_account_do_not_keep_another_out(browser, make):
    victim, other = make.user(), make.user()
    for _ in range(AT_ONE_ACCOUNT.limits[0].amount):
        browser.sign_in(victim.email, "wrong")

    assert browser.sign_in(other.email).status_code == 303


def test_signing_out_is_a_post(browser, person):
    assert browser.get("/sign-out").status_code == 405

    response = browser.post("/sign-out", form="/keys/new")

    assert response.headers["Location"] == "/sign-in"
    assert browser.get("/usage").status_code == 303


def test_who_is_signed_in_is_not_asked_again(browser, person):
    assert browser.get("/sign-in").headers["Location"] == "/"


@pytest.mark.parametrize("field", ["email", "password", "next"])
@pytest.mark.parametrize(
    "text", ["", "\x00", "a" * 100_000, "{{7*7}}", "<script>alert(1)</script>", "\ud7ff" * 10]
)
def test_odd_input_is_only_wrong(browser, field, text):
    response = browser.post("/sign-in", {"email": "a@example.com", "password": "b", field: text})

    assert response.status_code == 422
    assert "<script>alert" not in response.text


def test_the_right_password_clears_the_wrong_guesses_before_it(browser, visitor, make):
    user = make.user()
    for _ in range(2):
        for _ in range(AT_ONE_ACCOUNT.limits[0].amount - 1):
            assert visitor().sign_in(user.email, "wrong").status_code == 422
        assert visitor().sign_in(user.email).status_code == 303


def test_guesses_sent_all_at_once_are_all_counted(app, visitor, make):
    user = make.user()
    guessers = [visitor() for _ in range(2 * AT_ONE_ACCOUNT.limits[0].amount)]

    with ThreadPoolExecutor(len(guessers)) as pool:
        answers = list(pool.map(lambda guesser: guesser.sign_in(user.email, "wrong").status_code, guessers))

    assert answers.count(422) == AT_ONE_ACCOUNT.limits[0].amount
    assert set(answers) == {422, 429}
