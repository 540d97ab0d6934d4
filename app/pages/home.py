"""The first address."""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import public
from app.sessions import find_user

bp = Blueprint("home", __name__)


@bp.get("/")
@public
def index() -> ResponseReturnValue:
    return redirect(url_for("usage.index" if find_user() else "user_sessions.sign_in_form"))
