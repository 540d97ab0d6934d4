"""Reads single fields of a request body; a Refusal names the field as the caller wrote it."""

from typing import Any

from simulator.refusals import Refusal

LONGEST_MODEL = 300
MOST_CHOICES = 8
MOST_LIMIT = 10_000_000


def read_model(found: Any) -> str:
    if not isinstance(found, str) or not 0 < len(found) <= LONGEST_MODEL:
        raise Refusal(f"'model' must be a string of 1 to {LONGEST_MODEL} characters.", param="model")
    return found


def read_whole(
    body: dict[str, Any], name: str, *, least: int = 1, most: int = MOST_LIMIT, inside: str = ""
) -> int | None:
    """Read a whole number; None where it is absent. `inside` is the path of the body within the request."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refusal(f"{name!r} must be a whole number from {least} to {most}.", param=inside + name)
    return value


def read_stops(body: dict[str, Any], name: str, *, most: int, inside: str = "") -> tuple[str, ...]:
    """Read stop sequences: a list of strings that are not empty."""
    found = body.get(name) or []
    if not isinstance(found, list) or len(found) > most or not all(map(_is_stop, found)):
        raise Refusal(f"{name!r} must be a list of at most {most} strings.", param=inside + name)
    return tuple(found)


def read_object(body: dict[str, Any], name: str, *, inside: str = "") -> dict[str, Any]:
    """Read an object; an absent one is empty."""
    found = body.get(name)
    if found is not None and not isinstance(found, dict):
        raise Refusal(f"{name!r} must be an object.", param=inside + name)
    return found or {}


def read_list(body: dict[str, Any], name: str, *, inside: str = "") -> list[dict[str, Any]]:
    """Read a list of objects; an absent one is empty."""
    found = body.get(name)
    if found is not None and not (isinstance(found, list) and all(isinstance(row, dict) for row in found)):
        raise Refusal(f"{name!r} must be a list of objects.", param=inside + name)
    return found or []


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) and value != ""
