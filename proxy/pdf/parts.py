"""The PDFs in the messages of a chat call: finding them, and putting text in their place."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from core.errors import BadRequest

HEAD = "data:application/pdf;base64,"
MOST = 8  # in one call
MAX_NAME = 200
UNNAMED = "document.pdf"
_raw_messages = msgspec.json.Decoder(list[msgspec.Raw]).decode
_message = msgspec.json.Decoder(dict[str, Any]).decode


class Document(NamedTuple):
    """A PDF, the part it came in, and its field, for refusals."""

    message: int
    part: int
    name: str
    data: bytes

    @property
    def field(self) -> str:
        return f"{_at(self.message, self.part)}.file.file_data"


def documents_in(messages: msgspec.Raw) -> list[Document]:
    """The PDFs of a call, in order. Raises BadRequest for those that are not here, or cannot be read.

    Files that say they are no PDFs are none of ours: they go on as they are.
    """
    found: list[Document] = []
    for at, raw in enumerate(_raw_messages(messages)):
        for number, part in _file_parts(_message(raw)):
            data = _data(part.get("file"), at=_at(at, number))
            if data is None:
                continue
            if len(found) == MOST:
                raise BadRequest(f"A call may hold {MOST} PDFs at most.", param=_at(at, number))
            found.append(Document(at, number, _name(part["file"].get("filename")), data))
    return found


def with_texts(messages: msgspec.Raw, texts: Sequence[tuple[Document, str]]) -> msgspec.Raw:
    """The same messages with these texts in place of their documents; those without any are byte for byte."""
    raws: list[Any] = list(_raw_messages(messages))
    opened: dict[int, dict[str, Any]] = {}
    for document, text in texts:
        message = opened.setdefault(document.message, _message(raws[document.message]))
        part = message["content"][document.part]
        beside = {name: value for name, value in part.items() if name != "file"}
        message["content"][document.part] = {**beside, "type": "text", "text": text}
    for at, message in opened.items():
        raws[at] = message
    return msgspec.Raw(msgspec.json.encode(raws))


def as_text(name: str, pages: Sequence[str]) -> str:
    """What a model gets to read of a document: each page under its number, so that it can be cited."""
    marked = [f"[Page {number}]\n{page}" for number, page in enumerate(pages, 1)]
    count = "1 page" if len(pages) == 1 else f"{len(pages)} pages"
    return "\n\n".join([f"[File {name}, {count}]", *marked])


def _file_parts(message: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    content = message.get("content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict) and part.get("type") == "file":
            yield number, part


def _data(file: Any, *, at: str) -> bytes | None:
    """The bytes of a PDF; None for a file of another type."""
    if not isinstance(file, dict):
        raise BadRequest(f"{at}.file must be an object with filename and file_data.", param=f"{at}.file")
    where = f"{at}.file.file_id" if file.get("file_id") is not None else f"{at}.file.file_data"
    stated = file.get("file_data")
    if not isinstance(stated, str) or where.endswith("file_id") or not stated[:5].lower() == "data:":
        raise BadRequest(
            f"{where}: only a PDF that is sent along can be read here. Send it in file_data as {HEAD}..., or "
            "have the model itself take it with the engine native.",
            param=where,
        )
    head, _, body = stated.partition(",")
    if head.partition(";")[0].lower() != "data:application/pdf":
        return None
    data = _decoded(body) if head.lower().endswith(";base64") else None
    if data is None:
        raise BadRequest(f"{where} is not acceptable base64. Send it as {HEAD}...", param=where)
    return data


def _decoded(body: str) -> bytes | None:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None


def _name(stated: Any) -> str:
    """The name of a file as a model is told it."""
    shown = "".join(c for c in stated if c.isprintable()) if isinstance(stated, str) else ""
    return shown.strip()[:MAX_NAME] or UNNAMED


def _at(message: int, part: int) -> str:
    return f"messages[{message}].content[{part}]"
