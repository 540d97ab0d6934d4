"""JSON in and out: strict and bounded in, exact dollars and UTC times out."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Response, request

from core.errors import BadRequest
from core.money import Nanos, parse_usd
from core.strict_json import loads

_encode = msgspec.json.Encoder(decimal_format="number").encode


def reply(document: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON answer; Decimals are written as numbers, digit for digit."""
    return Response(_encode(document), status=status, mimetype="application/json")


def stamp(at: datetime | None) -> str | None:
    """A time as clients get it: 2026-01-01T00:00:00.000Z."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_object(fields: Collection[str]) -> dict[str, Any]:
    """The request's JSON object. Raises BadRequest for anything else, and for a field not among `fields`."""
    try:
        document = loads(request.get_data(cache=False) or b"{}")
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object.")
    for name in document:
        if name not in fields:
            known = ", ".join(sorted(fields))
            raise BadRequest(f"There is no field {name[:80]!r} here. Known are: {known}.", param=name[:80])
    return document


def text_of(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be text.", param=name)
    return value


def amount_of(document: Mapping[str, Any], name: str) -> Nanos | None:
    """An amount of dollars, or None where it is null or left out."""
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{name} must be a number of dollars.", param=name)
    try:
        return parse_usd(str(value))
    except ValueError as error:
        raise BadRequest(f"{name}: {error}.", param=name) from None


def time_of(document: Mapping[str, Any], name: str) -> datetime | None:
    """An ISO 8601 time, UTC where it names no zone, or None where it is null or left out."""
    value = document.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRequest(
            f"{name} must be an ISO 8601 time, such as 2026-12-31T23:59:59Z.", param=name
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
