"""Which language a page speaks. Every sentence goes through gettext; English is what the code holds."""

from flask import Flask, request
from flask_babel import Babel, get_locale

LANGUAGES = ("en",)


def install(app: Flask) -> None:
    app.config["BABEL_DEFAULT_LOCALE"] = LANGUAGES[0]
    app.config["BABEL_DEFAULT_TIMEZONE"] = "UTC"
    Babel(app, locale_selector=choose_language)
    app.jinja_env.globals["lang_tag"] = lang_tag


def choose_language() -> str:
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def lang_tag() -> str:
    """The page's language for its lang attribute, such as zh-Hant-TW."""
    return str(get_locale() or LANGUAGES[0]).replace("_", "-")
