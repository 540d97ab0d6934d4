"""Who may call a route. Every view says so itself; one that does not keeps the portal from starting."""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
Check = Callable[[], ResponseReturnValue | None]


class Undeclared(Exception):
    """A route does not say who may call it."""


def allow(check: Check) -> Callable[[View], View]:
    """Declare the check a view's callers must pass. It answers (or raises) to refuse, None to let them in."""

    def declare(view: View) -> View:
        view.access = check  # type: ignore[attr-defined]
        return view

    return declare


def anybody() -> None:
    """The check of a public page."""


public = allow(anybody)


def check_of(app: Flask, endpoint: str) -> Check | None:
    """The check a route declared, or None when it has none."""
    check: Check | None = getattr(app.view_functions[endpoint], "access", None)
    return check


def install(app: Flask) -> None:
    app.before_request(_enforce)


def check(app: Flask) -> None:
    """Raise Undeclared naming the routes that do not say who may call them."""
    missing = [rule.rule for rule in app.url_map.iter_rules() if check_of(app, rule.endpoint) is None]
    if missing:
        raise Undeclared(f"say who may call: {', '.join(sorted(missing))}")


def _enforce() -> ResponseReturnValue | None:
    """Run the matched route's check; the decision is on the view, never on the path's text."""
    if request.endpoint is None:
        return None
    declared = check_of(current_app, request.endpoint)
    if declared is None:
        raise Undeclared(f"say who may call: {request.endpoint}")
    return declared()
