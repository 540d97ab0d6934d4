import pytest
from flask import session

from app.htmx import fragment_or_redirect, go, say, wants_fragment

HTMX = {"HX-Request": "true"}


def test_a_plain_form_is_sent_on(app):
    with app.test_request_context("/"):
        response = fragment_or_redirect(None, to="/keys")

    assert (response.status_code, response.headers["Location"]) == (303, "/keys")


def test_htmx_gets_what_there_is_to_say_beside_the_part(app):
    with app.test_request_context("/", headers=HTMX):
        say("It is <done>.")

        body = fragment_or_redirect(None, to="/keys")

    assert 'hx-swap-oob="true"' in body
    assert "It is &lt;done&gt;." in body


def test_what_was_said_in_a_fragment_is_not_said_again(app):
    with app.test_request_context("/", headers=HTMX):
        say("Once.")
        fragment_or_redirect(None, to="/keys")

        assert "_flashes" not in session


def test_htmx_is_sent_on_by_its_own_header(app):
    with app.test_request_context("/", headers=HTMX):
        response = go("/sign-in")

    assert (response.status_code, response.headers["HX-Redirect"]) == (204, "/sign-in")


def test_a_boosted_link_wants_a_whole_page(app):
    with app.test_request_context("/", headers={**HTMX, "HX-Boosted": "true"}):
        assert not wants_fragment()


def test_a_tone_nobody_styled_is_a_mistake(app):
    with app.test_request_context("/"), pytest.raises(ValueError, match="purple"):
        say("Hm.", "purple")
