import re

import pytest

from app import ROOT
from app.assets import Assets


def test_every_file_a_page_names_is_served_for_good(browser):
    page = browser.get("/sign-in").text
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)

    answers = [browser.get(address) for address in addresses]

    assert len(answers) >= 10
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"public, max-age=31536000, immutable"}


def test_a_page_of_an_older_release_gets_todays_file_uncached(browser):
    answer = browser.get("/static/000000000000/css/base.css")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.css", "../app/__init__.py", "%2e%2e/wsgi.py", "css"])
def test_nothing_else_is_served(browser, name):
    assert browser.get(f"/static/000000000000/{name}").status_code == 404


def test_the_fingerprint_follows_the_content(tmp_path):
    (tmp_path / "a.css").write_text("a {}")
    before = Assets.read(tmp_path).fingerprint

    (tmp_path / "a.css").write_text("b {}")

    assert Assets.read(tmp_path).fingerprint != before


def test_htmx_is_version_two_out_of_its_package():
    assert b'version:"2.' in Assets.read(ROOT / "static").files["htmx.js"]


def test_a_template_that_names_a_missing_file_fails(app):
    with app.test_request_context(), pytest.raises(LookupError, match=r"no\.css"):
        app.jinja_env.globals["asset"]("no.css")
