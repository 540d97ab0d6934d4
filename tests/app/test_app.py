from dataclasses import replace

from app import build_app


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


def test_the_address_of_a_caller_comes_from_trusted_proxies_only(settings, sessions):
    app = build_app(settings, sessions=sessions)
    behind_one = build_app(replace(settings, trusted_proxies=1), sessions=sessions)
    header = {"X-Forwarded-For": "198.51.100.7"}

    def seen(app) -> str:
        from app.brakes import caller_ip

        found = []
        app.before_request_funcs.setdefault(None, []).insert(0, lambda: found.append(caller_ip()))
        app.test_client().get("/healthz", headers=header)
        return found[0]

    assert seen(app) == "127.0.0.1"
    assert seen(behind_one) == "198.51.100.7"
