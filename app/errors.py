"""The one place where an error becomes an answer: a page, a notice for htmx, or JSON under /api/."""

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import lazy_gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.htmx import wants_fragment
from core.errors import Refused

log = structlog.get_logger()

CSRF_STATUS = 419
# What happened, and what to do next.
SENTENCES = {
    400: (_("We could not read that request"), _("Check the address or the form, and send it again.")),
    401: (_("Please sign in"), _("Sign in to see this page.")),
    403: (_("This is not open to you"), _("Your account may not do this. Ask somebody who may.")),
    404: (_("Nothing here"), _("The address is wrong, or what was here is gone.")),
    405: (_("That does not work here"), _("This address takes no such request. Start again from the page.")),
    413: (_("That is too large"), _("Send at most 1 MB.")),
    CSRF_STATUS: (_("This form has grown old"), _("Load the page again and repeat what you did.")),
    422: (_("Something is missing"), _("Look at the marked fields and send the form again.")),
    429: (_("Too many attempts"), _("Wait a little, then try again.")),
    500: (_("Something broke on our side"), _("Nothing was lost. Try again in a moment.")),
    503: (_("Not available right now"), _("Try again in a moment.")),
}
TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def install(app: Flask) -> None:
    app.register_error_handler(CSRFError, _foreign)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Refused, refused)
    app.register_error_handler(Exception, _unexpected)


def answer(status: int, *, message: str | None = None, retry_after_s: int | None = None) -> Response:
    """Say that it failed, in the form the caller reads."""
    title, advice = SENTENCES.get(status, SENTENCES[500 if status >= 500 else 400])  # noqa: PLR2004
    request_id = g.get("request_id") if status >= 500 else None  # noqa: PLR2004
    if request.path.startswith("/api/"):
        response = _json(status, message or f"{title}. {advice}", request_id)
    elif wants_fragment():
        response = make_response(
            render_template("errors/_notice.html", title=title, advice=advice, request_id=request_id)
        )
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#notices", "innerHTML"
    else:
        page = render_template(
            "errors/error.html", status=status, title=title, advice=advice, request_id=request_id
        )
        response = make_response(page)
    response.status_code = status
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def _json(status: int, message: str, request_id: str | None) -> Response:
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004
    error: dict[str, object] = {"message": message, "type": kind, "code": status}
    if request_id:
        error["metadata"] = {"request_id": request_id}
    return jsonify({"error": error})


def _foreign(_error: CSRFError) -> Response:
    return answer(CSRF_STATUS)


def _http(error: HTTPException) -> Response:
    if error.response is not None and error.code is None:
        return make_response(error.get_response())
    response = answer(error.code or 500)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def refused(error: Refused) -> Response:
    """The answer a refusal becomes."""
    if request.path.startswith("/api/"):
        response = jsonify(error.body())
        response.status_code = error.status
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    return answer(error.status, retry_after_s=error.retry_after_s)


def _unexpected(error: Exception) -> Response:
    """Our fault: the caller learns the request id and nothing else, the log gets the rest."""
    log.error("request failed", request_id=g.get("request_id"), endpoint=request.endpoint, exc_info=error)
    return answer(500)
