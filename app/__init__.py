"""The portal: pages and the management API. Built by a factory; importing it does nothing."""

from pathlib import Path

from flask import Flask
from htmx_flask import Htmx
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.middleware.proxy_fix import ProxyFix

from app import (
    access,
    api,
    assets,
    brakes,
    csrf,
    database,
    errors,
    formats,
    headers,
    holdings,
    htmx,
    locales,
    navigation,
    pages,
)
from core.actions.users import SESSION_LIFE
from core.actions.versions import enforce_after_commit
from core.config import Settings
from core.db import session_factory, sync_engine
from core.jobs import deliver_after_commit

ROOT = Path(__file__).resolve().parent.parent
FORM_LIMIT_BYTES = 1024 * 1024
REDIS_TIMEOUT_S = 2.0


def build_app(settings: Settings, *, sessions: sessionmaker[Session] | None = None) -> Flask:
    """Make the portal. Raises access.Undeclared when a route does not say who may call it.

    `sessions` makes database sessions; without it the portal connects to the settings' database by itself.
    """
    app = Flask(__name__, static_folder=None, template_folder=str(ROOT / "templates"))
    app.config.update(flask_config(settings))
    app.extensions["settings"] = settings
    redis = Redis.from_url(settings.redis_url, socket_timeout=REDIS_TIMEOUT_S)
    app.extensions["redis"] = redis
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    if hops := hops_before(settings):
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=1)  # type: ignore[method-assign]
    Htmx(app)
    for part in (errors, headers, locales, formats, htmx, navigation):
        part.install(app)
    assets.install(app, ROOT / "static")
    brakes.install(app, settings.redis_url)
    holdings.install(app, settings)
    if sessions is None:
        sessions = session_factory(sync_engine(settings.database_url))
        deliver_after_commit(sessions, redis)
        enforce_after_commit(sessions, app.extensions["counters"])
    database.install(app, sessions)
    csrf.install(app, public_url=settings.public_url)
    access.install(app)
    pages.install(app)
    api.install(app)
    access.check(app)
    return app


def hops_before(settings: Settings) -> int:
    """Say how many in front of us add to X-Forwarded-For.

    Those the operator trusts, and our own front door, which hands on every request where PORTAL_URL is set.
    """
    return settings.trusted_proxies + (settings.portal_url is not None)


def flask_config(settings: Settings) -> dict[str, object]:
    """What Flask and its extensions are told. Cookies are bound to this host where https allows it."""
    secure = settings.public_url.startswith("https://")
    return {
        "SECRET_KEY": settings.secret_key,
        "MAX_CONTENT_LENGTH": FORM_LIMIT_BYTES,
        "MAX_FORM_MEMORY_SIZE": FORM_LIMIT_BYTES,
        "MAX_FORM_PARTS": 100,
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": SESSION_LIFE,
        # The token lives as long as the session; app/csrf.py decides which requests must carry it.
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_CHECK_DEFAULT": False,
        "WTF_CSRF_SSL_STRICT": False,
    }
