"""Plain texts in a request: one, or several, each as text or as tokens already."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import BadRequest

HIGHEST_TOKEN = 1 << 31
Given = str | list[int]


def read_texts(document: Mapping[str, Any], name: str, *, most: int) -> Sequence[Given]:
    """The texts of a field. Raises BadRequest for what is none, is empty, or is more than there may be."""
    given = document.get(name)
    texts: list[Any]
    if isinstance(given, str) or _is_tokens(given):
        texts = [given]
    elif isinstance(given, list) and given:
        texts = given
    else:
        raise BadRequest(f"{name} must be text, tokens, or a list with at least one of these.", param=name)
    if len(texts) > most:
        raise BadRequest(f"{name} must hold at most {most} texts, not {len(texts)}.", param=name)
    for index, text in enumerate(texts):
        _check(text, name if texts is not given else f"{name}[{index}]")
    return texts


def _check(text: Any, at: str) -> None:
    if isinstance(text, str):
        if not text:
            raise BadRequest(f"{at} is empty. Send some text.", param=at)
    elif not _is_tokens(text):
        raise BadRequest(f"{at} must be text, or a list of tokens.", param=at)
    elif not all(type(token) is int and 0 <= token < HIGHEST_TOKEN for token in text):
        raise BadRequest(f"{at} must hold tokens: whole numbers from 0 on.", param=at)


def _is_tokens(value: object) -> bool:
    """Say whether this is meant as tokens: its first item tells."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], int)
