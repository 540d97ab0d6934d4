"""Pages, one blueprint per noun."""

from flask import Flask

from app.pages import credits as credit_pages
from app.pages import health, home, keys, themes, usage, user_sessions, users


def install(app: Flask) -> None:
    for noun in (credit_pages, health, home, keys, themes, usage, user_sessions, users):
        app.register_blueprint(noun.bp)
