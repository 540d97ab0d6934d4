"""Where a format has its documents, and how it writes a text in place of one."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.errors import BadRequest
from core.rules import reserve

MEDIA_TYPE = "application/pdf"
HEAD = f"data:{MEDIA_TYPE};base64,"
ELSEWHERE = ("file_id", "file_url")
Part = Mapping[str, Any]


class Pdf(NamedTuple):
    """A PDF as its part states it. `field` is where its data is, for refusals."""

    field: str
    name: Any
    data: bytes


class Places(NamedTuple):
    """In the words of one format: its parts that are documents."""

    field: str  # of a call: a list of messages, or of what else it is said in
    lists: tuple[str, ...]  # of a message: where its parts are
    nested: tuple[str, ...]  # types of parts that hold more of them, in the same lists
    kind: str  # the type of a document
    read: Callable[[Part, str], Pdf | None]  # of a part and its place; None: it is no PDF. Raises BadRequest
    as_text: Callable[[Part, str], Mapping[str, Any]]  # a text as a part, with what stood beside the document
    measured: reserve.Parts


def _in_chat(part: Part, at: str) -> Pdf | None:
    file = part.get("file")
    if not isinstance(file, dict):
        raise BadRequest(f"{at}.file must be an object with filename and file_data.", param=f"{at}.file")
    return _inline(file, f"{at}.file")


def _inline(file: Part, at: str) -> Pdf | None:
    """The PDF of a data URI."""
    stated, where = file.get("file_data"), f"{at}.file_data"
    for name in ELSEWHERE:
        if file.get(name) is not None:
            stated, where = None, f"{at}.{name}"
    if not isinstance(stated, str) or stated[:5].lower() != "data:":
        raise _not_here(where, f"in file_data as {HEAD}...")
    head, _, data = stated.partition(",")
    if head.partition(";")[0].lower() != f"data:{MEDIA_TYPE}":
        return None
    if not head.lower().endswith(";base64"):
        raise _not_base64(where, f"{HEAD}...")
    return Pdf(where, file.get("filename"), _decoded(data, where, f"{HEAD}..."))


def _in_messages(part: Part, at: str) -> Pdf | None:
    source, where = part.get("source"), f"{at}.source"
    if not isinstance(source, dict):
        raise BadRequest(f"{where} must be an object.", param=where)
    if source.get("type") in ("text", "content"):
        return None
    if source.get("type") != "base64":
        raise _not_here(where, f"in a source of type base64, media_type {MEDIA_TYPE}")
    if str(source.get("media_type")).lower() != MEDIA_TYPE:
        return None
    if part.get("citations") not in (None, {}, {"enabled": False}):
        raise BadRequest(
            f"{at}.citations: a PDF that is read here becomes text without citations. Leave them out, or "
            "have the model itself take it with the engine native.",
            param=f"{at}.citations",
        )
    if not isinstance(part.get("context", ""), str | None):
        raise BadRequest(f"{at}.context must be text.", param=f"{at}.context")
    data = _decoded(source.get("data"), f"{where}.data", "base64 alone")
    return Pdf(f"{where}.data", part.get("title"), data)


def _chat_text(part: Part, text: str) -> Mapping[str, Any]:
    return {**_beside(part, "file"), "type": "text", "text": text}


def _responses_text(part: Part, text: str) -> Mapping[str, Any]:
    return {**_beside(part, "filename", "file_data", *ELSEWHERE), "type": "input_text", "text": text}


def _messages_text(part: Part, text: str) -> Mapping[str, Any]:
    """What a model is told about a document stands before it."""
    told = "\n\n".join([said for said in (part.get("context"), text) if said])
    return {**_beside(part, "source", "title", "context", "citations"), "type": "text", "text": told}


def _beside(part: Part, *names: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in names}


def _not_here(where: str, how: str) -> BadRequest:
    return BadRequest(
        f"{where}: only a PDF that is sent along can be read here. Send it {how}, or have the model itself "
        "take it with the engine native.",
        param=where,
    )


def _not_base64(where: str, how: str) -> BadRequest:
    return BadRequest(f"{where} is not acceptable base64. Send it as {how}", param=where)


def _decoded(data: Any, where: str, how: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise _not_base64(where, how) from None


CHAT = Places(
    field="messages",
    lists=("content",),
    nested=(),
    kind="file",
    read=_in_chat,
    as_text=_chat_text,
    measured=reserve.CHAT,
)
MESSAGES = Places(
    field="messages",
    lists=("content",),
    nested=("tool_result",),
    kind="document",
    read=_in_messages,
    as_text=_messages_text,
    measured=reserve.MESSAGES,
)
RESPONSES = Places(
    field="input",
    lists=("content", "output"),
    nested=(),
    kind="input_file",
    read=_inline,
    as_text=_responses_text,
    measured=reserve.RESPONSES,
)
