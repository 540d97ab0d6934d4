import pytest
from flask import Flask

from app import access


def test_every_route_says_who_may_call_it(app):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}

    silent = {endpoint for endpoint in endpoints if access.check_of(app, endpoint) is None}

    assert silent == set()
    assert len(endpoints) > 15


def test_the_public_routes_are_these_and_no_more(app):
    public = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if access.check_of(app, rule.endpoint) is access.anybody
    }

    assert {endpoint for endpoint in public if not endpoint.startswith("api")} == {
        "asset",
        "health.live",
        "health.ready",
        "home.index",
        "themes.choose",
        "user_sessions.sign_in_form",
        "user_sessions.sign_in_now",
        "users.sign_up",
        "users.sign_up_form",
        "users.verify_form",
        "users.verify_now",
    }


def test_a_route_that_says_nothing_keeps_the_portal_from_starting():
    app = Flask("silent", static_folder=None)
    app.add_url_rule("/open", view_func=lambda: "open to all")

    with pytest.raises(access.Undeclared, match="/open"):
        access.check(app)


def test_a_route_that_says_nothing_is_refused_when_it_is_called():
    app = Flask("silent", static_folder=None)
    app.add_url_rule("/open", view_func=lambda: "open to all")
    access.install(app)

    assert app.test_client().get("/open").status_code == 500


def test_a_check_that_answers_stands_for_the_view():
    app = Flask("checked", static_folder=None)
    app.add_url_rule("/door", view_func=access.allow(lambda: ("not you", 403))(lambda: "come in"))
    access.install(app)

    assert app.test_client().get("/door").text == "not you"
