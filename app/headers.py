"""Headers every answer carries: what a browser may load, embed, remember and tell others."""

import uuid

from flask import Flask, Response, g

# Everything from this origin, nothing inline, nothing evaluated.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FIXED = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # Not no-referrer: with that, browsers send "Origin: null" on our own forms, and app/csrf.py refuses them.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


def install(app: Flask) -> None:
    app.before_request(_name_request)
    app.after_request(_protect)


def _name_request() -> None:
    g.request_id = uuid.uuid4().hex


def _protect(response: Response) -> Response:
    for name, value in FIXED.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-store"
    if "request_id" in g:
        response.headers["X-Request-Id"] = g.request_id
    return response
