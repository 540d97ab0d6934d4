"""Answers for htmx and for browsers without scripts, from one view."""

from flask import Flask, Response, flash, get_flashed_messages, make_response, redirect, render_template
from flask.typing import ResponseReturnValue
from htmx_flask import request

TONES = frozenset({"good", "warn", "bad", "info"})


def install(app: Flask) -> None:
    app.after_request(_vary)


def wants_fragment() -> bool:
    """Say whether htmx asks for a part of a page (a boosted link wants the whole of it)."""
    return bool(request.htmx) and not request.htmx.boosted


def fragment_or_redirect(template: str | None, *, to: str, **context: object) -> ResponseReturnValue:
    """The changed part and what there is to say for htmx; for a plain form the page, by a 303.

    Without a template the part is gone: htmx gets an empty answer in its place.
    """
    if not wants_fragment():
        return redirect(to, code=303)
    body = render_template(template, **context) if template else ""
    return body + render_template(
        "_notices.html", messages=get_flashed_messages(with_categories=True), oob=True
    )


def go(to: str) -> ResponseReturnValue:
    """Send the reader to another page, through htmx too."""
    if not wants_fragment():
        return redirect(to, code=303)
    response = make_response("", 204)
    response.headers["HX-Redirect"] = to
    return response


def say(text: str, tone: str = "good") -> None:
    """Tell the reader something on the next page or in the next fragment."""
    if tone not in TONES:
        raise ValueError(f"no such tone: {tone}")
    flash(text, tone)


def _vary(response: Response) -> Response:
    response.vary.update(("Cookie", "HX-Request"))
    return response
