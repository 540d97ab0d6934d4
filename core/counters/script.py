"""A Lua script and the name the server knows it by."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Self


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    source: str
    sha: str  # of the source: what EVALSHA is given

    @classmethod
    def of(cls, name: str, source: str) -> Self:
        return cls(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest())

    @classmethod
    def load(cls, name: str) -> Self:
        """Read the script of this name from beside this module, behind what all scripts share."""
        return cls.of(name, _text("common") + _text(name))


@cache
def _text(name: str) -> str:
    return files(__package__).joinpath(f"{name}.lua").read_text("utf-8")
