import pytest
from flask import abort

from app.access import public
from app.errors import SENTENCES
from core.errors import Conflict, TooMany


@pytest.fixture
def broken(app):
    """Routes that fail, for pages and for the API."""

    @public
    def fail(status: int):
        abort(status)

    @public
    def crash():
        raise RuntimeError("the secret recipe")

    @public
    def wait():
        raise TooMany("Slow down.", retry_after_s=7)

    @public
    def clash():
        raise Conflict("There is one already.")

    for prefix in ("", "/api/v1"):
        for path, view in (
            ("/fail/<int:status>", fail),
            ("/crash", crash),
            ("/wait", wait),
            ("/clash", clash),
        ):
            app.add_url_rule(prefix + path, endpoint=f"{prefix}{view.__name__}", view_func=view)
    app.testing = False
    return app.test_client()


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 429, 503])
def test_an_error_is_a_page_that_says_what_to_do(broken, status):
    response = broken.get(f"/fail/{status}")

    assert response.status_code == status
    assert str(SENTENCES[status][0]) in response.text
    assert str(SENTENCES[status][1]) in response.text
    assert response.text.count("<html") == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 429, 500])
def test_an_error_of_the_api_is_json(broken, status):
    response = broken.get(f"/api/v1/fail/{status}")

    assert response.status_code == status
    assert set(response.json["error"]) >= {"message", "type", "code"}
    assert response.json["error"]["code"] == status


def test_htmx_gets_an_error_as_a_notice(broken):
    response = broken.get("/fail/403", headers={"HX-Request": "true"})

    assert response.status_code == 403
    assert response.headers["HX-Retarget"] == "#notices"
    assert "<html" not in response.text


@pytest.mark.parametrize("path", ["/crash", "/api/v1/crash"])
def test_our_own_fault_tells_the_request_id_and_nothing_else(broken, path):
    response = broken.get(path)

    assert response.status_code == 500
    assert response.headers["X-Request-Id"] in response.text
    assert "recipe" not in response.text


@pytest.mark.parametrize("path", ["/wait", "/api/v1/wait"])
def test_a_refusal_says_when_to_come_back(broken, path):
    response = broken.get(path)

    assert response.status_code == 429
    assert response.headers["Retry-After"] == "7"


def test_a_refusal_of_the_api_keeps_its_own_words(broken):
    response = broken.get("/api/v1/clash")

    assert response.json == {
        "error": {"message": "There is one already.", "type": "conflict_error", "code": 409}
    }


def test_a_wrong_method_names_the_right_ones(browser):
    response = browser.get("/theme")

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_an_old_form_says_so(browser):
    response = browser.client.post("/sign-in", data={"csrf_token": "of yesterday"})

    assert response.status_code == 419
    assert "Load the page again" in response.text
