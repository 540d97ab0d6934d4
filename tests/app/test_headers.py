import pytest

PATHS = ["/sign-in", "/healthz", "/nowhere", "/static/0/css/base.css", "/usage"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_forbids_what_is_not_ours(browser, path):
    headers = browser.get(path).headers

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/sign-in", "/healthz", "/nowhere", "/usage"])
def test_nothing_but_files_may_be_kept(browser, path):
    headers = browser.get(path).headers

    assert headers["Cache-Control"] == "private, no-store"
    assert "Cookie" in headers["Vary"]


def test_every_request_has_an_id_of_its_own(browser):
    first, second = (browser.get("/healthz").headers["X-Request-Id"] for _ in range(2))

    assert first != second


def test_no_template_holds_what_the_policy_forbids(app):
    for name in app.jinja_env.list_templates():
        source, _path, _fresh = app.jinja_env.loader.get_source(app.jinja_env, name)
        assert " style=" not in source, name
        assert "<style" not in source, name
        assert "javascript:" not in source, name
        assert " onclick=" not in source, name
        assert "hx-on" not in source, name
        assert "<script>" not in source, name
