import re

from babel.messages.extract import extract_from_dir

from app import ROOT
from app.locales import choose_language


def test_a_language_we_do_not_speak_falls_back_to_english(app):
    with app.test_request_context(headers={"Accept-Language": "xx, yy;q=0.5"}):
        assert choose_language() == "en"


def test_a_page_names_its_language(browser):
    assert '<html lang="en"' in browser.get("/sign-in").text


def test_the_catalogue_can_be_extracted_from_code_and_templates():
    methods = [("app/**.py", "python"), ("templates/**.html", "jinja2")]

    found = {
        message if isinstance(message, str) else message[0]
        for folder in ("app", "templates")
        for _name, _line, message, _comments, _context in extract_from_dir(
            ROOT / folder, [(pattern.split("/", 1)[1], method) for pattern, method in methods]
        )
    }

    assert {"Nothing here", "Create a key", "%(num)s new call"} <= found
    assert len(found) > 100


def test_no_template_holds_a_sentence_outside_gettext(app):
    allowed = {"BazaarLink", "curl", "Python"}
    for name in app.jinja_env.list_templates():
        source, _path, _fresh = app.jinja_env.loader.get_source(app.jinja_env, name)
        if "snippet" in name or "wordmark" in name:
            continue
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", source, flags=re.DOTALL)
        words = set(re.findall(r"[A-Za-z]{3,}", re.sub(r"&\w+;", " ", text))) - allowed
        assert words == set(), f"{name}: {words}"
