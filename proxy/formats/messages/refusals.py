"""What is wrong with a request, told in the names of its fields."""

import re

import msgspec

from core.errors import BadRequest
from proxy.conversation import Inexpressible

MAX_PARAM = 100
_WHERE = re.compile(r"(?s)(.*?)(?: - at `\$\.?([^`]*)`)?")
_UNKNOWN = re.compile(r"(?s)Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")


def as_refusal(error: msgspec.ValidationError) -> BadRequest | Inexpressible:
    """What to answer for a value that is not of its type.

    A field or a type of block that is not among ours may well be one of the Messages format: then nothing is
    wrong with it, but there is no way to say it to a provider with another.
    """
    said = _WHERE.fullmatch(str(error))
    assert said is not None  # it matches anything
    what, param = said[1], _printable(said[2] or "")
    if found := _UNKNOWN.fullmatch(what):
        return no_place(_printable(f"{param}.{found[1]}" if param else found[1]))
    if found := _MISSING.fullmatch(what):
        name = f"{param}.{found[1]}" if param else found[1]
        return BadRequest(f"{name} is missing.", param=name)
    if what.startswith("Invalid value"):  # of the field that tells one kind of object from another
        return no_place(param)
    if what.startswith("Invalid enum value"):
        return BadRequest(f"{param} is none of the values it may have.", param=param)
    return BadRequest(f"{param} is not as it must be: {what[0].lower()}{what[1:]}.", param=param)


def no_place(param: str) -> Inexpressible:
    return Inexpressible(
        param, f"{param} cannot be told to the provider of this model in its own format. Leave it out."
    )


def _printable(name: str) -> str:
    """The sender chose it."""
    return "".join(c for c in name if c.isprintable())[:MAX_PARAM]
