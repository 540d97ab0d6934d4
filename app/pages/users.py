"""Accounts: signing up and proving the mail address."""

from datetime import UTC, datetime

from flask import Blueprint, abort, current_app, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField

from app.access import public
from app.brakes import Brake, caller_ip
from app.forms import blame
from app.htmx import fragment_or_redirect, go, say
from app.sessions import find_user, sign_in, signed_in
from core.actions.users import MIN_PASSWORD, send_verification, verify
from core.actions.users import sign_up as open_account
from core.errors import BadRequest, Conflict
from core.links import read_verification
from core.models import User
from core.queries.users import user_by_id

bp = Blueprint("users", __name__)

SIGN_UPS = Brake("sign-up", "30/hour")
MAILS = Brake("verification-mail", "3/10minute;10/day")


class SignUpForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(_("E-mail"))
    password = PasswordField(_("Password"))


@bp.get("/sign-up")
@public
def sign_up_form() -> ResponseReturnValue:
    if find_user() is not None:
        return redirect(url_for("home.index"))
    return render_template("users/sign_up.html", form=SignUpForm(), min_password=MIN_PASSWORD)


@bp.post("/sign-up")
@public
def sign_up() -> ResponseReturnValue:
    SIGN_UPS.press(caller_ip())
    form = SignUpForm()
    try:
        user = open_account(g.db, email=form.email.data or "", password=form.password.data or "")
    except BadRequest as error:
        blame(form, error, fields={"password": "password"}, default="email")
    except Conflict as error:
        form.email.errors = [error.message]
    else:
        sign_in(user)
        say(gettext("Welcome. Create a key to make your first call."))
        return go(url_for("keys.index"))
    return render_template("users/sign_up.html", form=form, min_password=MIN_PASSWORD), 422


@bp.get("/verify/<token>")
@public
def verify_form(token: str) -> ResponseReturnValue:
    """Ask for a click: programs that look into mails open links, too, and must not prove anything by it."""
    user = _user_of(token)
    status = 200 if user else 404
    return render_template("users/verify.html", claimant=user, token=token), status


@bp.post("/verify/<token>")
@public
def verify_now(token: str) -> ResponseReturnValue:
    user = _user_of(token) or abort(404)
    verify(user, now=datetime.now(UTC))
    say(gettext("Your address is verified."))
    return go(url_for("home.index"))


@bp.post("/verification")
@signed_in
def send_again() -> ResponseReturnValue:
    MAILS.press(str(g.user.id))
    send_verification(g.db, g.user)
    say(gettext("The mail is on its way to %(email)s.", email=g.user.email))
    return fragment_or_redirect(None, to=url_for("usage.index"))


def _user_of(token: str) -> User | None:
    """Whose address the link proves: nobody's once the address is another one."""
    secret: str = current_app.extensions["settings"].secret_key
    proved = read_verification(token, secret=secret)
    if proved is None:
        return None
    user: User | None = g.db.scalar(user_by_id(proved[0]))
    return user if user is not None and user.email == proved[1] and user.suspended_at is None else None
