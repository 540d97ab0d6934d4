"""Only our own pages may change something: a token in form or header, and the origin the browser names."""

from urllib.parse import urlsplit

from flask import Flask, request
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from markupsafe import Markup

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FROM_HERE = frozenset({"same-origin", "none"})


def install(app: Flask, *, public_url: str) -> None:
    protect = CSRFProtect(app)
    public_origin = origin_of(public_url)

    @app.before_request
    def refuse_foreign() -> None:
        if request.method not in UNSAFE or request.endpoint is None:
            return
        if carries_key():
            return
        if is_foreign(
            site=request.headers.get("Sec-Fetch-Site"),
            origin=request.headers.get("Origin"),
            ours=frozenset({public_origin, origin_of(request.host_url)}),
        ):
            raise CSRFError("This form was sent from another site.")
        protect.protect()

    app.jinja_env.globals["csrf_field"] = csrf_field


def carries_key() -> bool:
    """Say whether the caller shows a key instead of a cookie.

    Another site cannot make a browser add this header, and a request that has it is never taken for the
    cookie's owner (app/sessions.py).
    """
    return "Authorization" in request.headers


def is_foreign(*, site: str | None, origin: str | None, ours: frozenset[str]) -> bool:
    """Say whether the browser names another origin. Programs name none: the token decides for them."""
    if site is not None and site not in FROM_HERE:
        return True
    return origin is not None and origin not in ours


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write them: the default port is left out."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}"


def csrf_field() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())
