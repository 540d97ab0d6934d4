from dataclasses import replace

import pytest

from app import build_app
from app.brakes import caller_ip


def test_over_https_the_session_cookie_is_bound_to_the_host(settings, sessions):
    app = build_app(replace(settings, public_url="https://bazaar.example"), sessions=sessions)

    cookie = app.test_client().get("/sign-in", base_url="https://bazaar.example").headers["Set-Cookie"]

    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


def test_over_http_the_session_cookie_is_kept_from_scripts(browser):
    cookie = browser.get("/sign-in").headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_form_beyond_the_limit_is_refused(browser):
    response = browser.client.post("/sign-in", data=b"x" * 2_000_000, content_type="text/plain")

    assert response.status_code in {413, 419}


@pytest.mark.parametrize(
    ("portal_url", "trusted", "seen"),
    [
        (None, 0, "127.0.0.1"),
        (None, 1, "198.51.100.7"),
        ("http://127.0.0.1:8000", 0, "198.51.100.7"),
        ("http://127.0.0.1:8000", 1, "203.0.113.1"),
    ],
)
def test_the_address_of_a_caller_is_told_by_our_front_door_and_trusted_proxies_only(
    settings, sessions, portal_url, trusted, seen
):
    made = replace(settings, portal_url=portal_url, trusted_proxies=trusted)
    app, found = build_app(made, sessions=sessions), []
    app.before_request_funcs[None].insert(0, lambda: found.append(caller_ip()))

    app.test_client().get("/healthz", headers={"X-Forwarded-For": "203.0.113.1, 198.51.100.7"})

    assert found == [seen]
