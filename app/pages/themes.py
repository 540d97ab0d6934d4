"""Light or dark, where a reader prefers another than their system's."""

from flask import Blueprint, current_app, redirect, request
from flask.typing import ResponseReturnValue

from app.access import public
from app.redirects import local_path

bp = Blueprint("themes", __name__)

COOKIE = "theme"
THEMES = ("light", "dark")
YEAR_S = 365 * 24 * 3600


@bp.post("/theme")
@public
def choose() -> ResponseReturnValue:
    """Remember a theme; any other value goes back to what the system says."""
    response = redirect(local_path(request.form.get("next"), default="/"), code=303)
    theme = request.form.get("theme")
    if theme not in THEMES:
        response.delete_cookie(COOKIE)
        return response
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    response.set_cookie(COOKIE, theme, max_age=YEAR_S, samesite="Lax", secure=secure)
    return response


@bp.app_context_processor
def theme() -> dict[str, object]:
    """What the page's root says: a known theme, or nothing."""
    chosen = request.cookies.get(COOKIE)
    return {"theme": chosen if chosen in THEMES else None}
