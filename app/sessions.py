"""Who is signed in. The cookie holds a random token; what it stands for is a row that can be taken away."""

from datetime import UTC, datetime

from flask import g, request, session
from flask.typing import ResponseReturnValue

from app.access import allow
from app.csrf import carries_key
from app.htmx import go
from core.actions.audit import Actor, person
from core.actions.users import close_session, open_session, session_digest
from core.models import User
from core.queries.users import user_of_session

TOKEN = "token"  # noqa: S105  # the name of a field


def find_user() -> User | None:
    """The account of this browser's sign-in; nobody when the request shows a key instead."""
    token = session.get(TOKEN)
    if not isinstance(token, str) or carries_key():
        return None
    if "user" not in g:
        user = g.db.scalar(user_of_session(session_digest(token), now=datetime.now(UTC)))
        g.user = user
    found: User | None = g.user
    return found


def require_user() -> ResponseReturnValue | None:
    """Let in who is signed in; send others to the sign-in page and, where that makes sense, back again."""
    if find_user() is not None:
        return None
    if request.method != "GET" or request.headers.get("HX-Request"):
        return go("/sign-in")
    return go(f"/sign-in?next={request.path}" if request.path != "/" else "/sign-in")


signed_in = allow(require_user)


def actor() -> Actor:
    """Who is signed in, as the audit log names them."""
    return person(g.user.id, ip=request.remote_addr or "")


def sign_in(user: User) -> None:
    """Start afresh: a new token, a new cookie, nothing kept of what the browser had before."""
    forget()
    session[TOKEN] = open_session(
        g.db,
        user,
        ip=request.remote_addr or "",
        user_agent=request.user_agent.string,
        now=datetime.now(UTC),
    )
    session.permanent = True


def forget() -> None:
    """End the sign-in this browser has, if any."""
    token = session.get(TOKEN)
    if isinstance(token, str):
        close_session(g.db, token)
    session.clear()
    g.pop("user", None)
