"""Signing in and out."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, PasswordField

from app.access import public
from app.brakes import Brake, caller_ip
from app.htmx import go
from app.redirects import local_path
from app.sessions import find_user, forget, sign_in, signed_in
from core.actions.users import authenticate

bp = Blueprint("user_sessions", __name__)

FROM_ONE_ADDRESS = Brake("sign-in-ip", "60/5minute;600/hour")
# Two brakes on wrong passwords: a tight one on who guesses at an account from one place, and a wide one on
# the account, so that nobody can lock its owner out with a few guesses from elsewhere.
AT_ONE_ACCOUNT = Brake("sign-in-account", "5/minute;20/hour")
AT_ONE_ACCOUNT_FROM_ALL = Brake("sign-in-account-all", "100/hour")


class SignInForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(_("E-mail"))
    password = PasswordField(_("Password"))
    next = HiddenField()


@bp.get("/sign-in")
@public
def sign_in_form() -> ResponseReturnValue:
    if find_user() is not None:
        return redirect(url_for("home.index"))
    return render_template("user_sessions/sign_in.html", form=SignInForm(next=request.args.get("next")))


@bp.post("/sign-in")
@public
def sign_in_now() -> ResponseReturnValue:
    form = SignInForm()
    email, password = (form.email.data or "").strip().lower(), form.password.data or ""
    here = f"{email} {caller_ip()}"
    # Counted before the password is looked at: guesses sent all at once are all counted.
    FROM_ONE_ADDRESS.press(caller_ip())
    AT_ONE_ACCOUNT.press(here)
    AT_ONE_ACCOUNT_FROM_ALL.press(email)
    user = authenticate(g.db, email=email, password=password)
    if user is None:
        # The same words whether the address is unknown, the password wrong or the account suspended.
        form.password.errors = [_("The address and the password do not belong together.")]
        return render_template("user_sessions/sign_in.html", form=form), 422
    AT_ONE_ACCOUNT.release(here)
    AT_ONE_ACCOUNT_FROM_ALL.release(email)
    sign_in(user)
    return go(local_path(form.next.data, default=url_for("usage.index")))


@bp.post("/sign-out")
@signed_in
def sign_out() -> ResponseReturnValue:
    forget()
    return go(url_for("user_sessions.sign_in_form"))
