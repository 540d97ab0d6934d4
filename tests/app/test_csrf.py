import pytest

from app.csrf import is_foreign, origin_of

OURS = frozenset({"https://bazaar.example"})


@pytest.mark.parametrize(
    ("site", "origin", "foreign"),
    [
        (None, None, False),
        ("same-origin", "https://bazaar.example", False),
        ("none", None, False),
        ("same-site", None, True),
        ("cross-site", "https://bazaar.example", True),
        (None, "https://evil.example", True),
        (None, "http://bazaar.example", True),
        (None, "null", True),
        ("same-origin", "https://bazaar.example.evil", True),
    ],
)
def test_another_origin_is_foreign(site, origin, foreign):
    assert is_foreign(site=site, origin=origin, ours=OURS) is foreign


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Bazaar.example/", "https://bazaar.example"),
        ("https://bazaar.example:443", "https://bazaar.example"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url, origin):
    assert origin_of(url) == origin


def unsafe_routes(app):
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods & {"POST", "PUT", "PATCH", "DELETE"}):
            values = dict.fromkeys(rule.arguments, "0190a7c4-0000-7000-8000-000000000000")
            yield method, app.url_map.bind("localhost").build(rule.endpoint, values, method=method)


def test_no_route_that_changes_something_works_without_the_token(app, browser, person):
    routes = list(unsafe_routes(app))

    answers = {
        (method, path): browser.client.open(path, method=method).status_code for method, path in routes
    }

    assert len(routes) >= 9
    assert set(answers.values()) == {419}


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_no_route_that_changes_something_works_from_another_site(app, browser, person, headers):
    routes = list(unsafe_routes(app))

    answers = {path: browser.post(path, form="/keys/new", headers=headers).status_code for _, path in routes}

    assert {path for path, status in answers.items() if status not in {405, 419}} == set()


def test_htmx_may_send_the_token_as_a_header(browser, person):
    page = browser.get("/keys/new").text
    token = page.split('"X-CSRFToken": "')[1].split('"')[0]

    response = browser.client.post("/sign-out", headers={"X-CSRFToken": token})

    assert response.status_code == 303


def test_a_token_of_one_browser_is_worth_nothing_in_another(browser, visitor, person):
    token = browser.get("/keys/new").text.split('"X-CSRFToken": "')[1].split('"')[0]

    response = visitor().client.post("/sign-in", data={"csrf_token": token})

    assert response.status_code == 419


def test_a_request_that_shows_a_key_is_not_taken_for_the_cookies_owner(browser, person):
    response = browser.client.post("/sign-out", headers={"Authorization": "Bearer sk-bl-anything"})

    assert response.headers["Location"] == "/sign-in"
    assert browser.get("/usage").status_code == 200
