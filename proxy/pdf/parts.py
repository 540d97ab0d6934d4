"""The PDFs in a call: finding them, and putting text in their place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from core.errors import BadRequest
from proxy.pdf.places import Places

MOST = 8  # in one call
MAX_NAME = 200
UNNAMED = "document.pdf"
Path = tuple[str | int, ...]
_raw_messages = msgspec.json.Decoder(list[msgspec.Raw]).decode
_message = msgspec.json.Decoder().decode


class Document(NamedTuple):
    """A PDF: the message it came in, its part in there, and the field of its data, for refusals."""

    message: int
    part: Path
    field: str
    name: str
    data: bytes


def documents_in(messages: msgspec.Raw, places: Places) -> list[Document]:
    """The PDFs of a call, in order. Raises BadRequest for those that are not here, or cannot be read.

    Files that say they are no PDFs are none of ours: they go on as they are.
    """
    found: list[Document] = []
    for number, raw in enumerate(_raw_messages(messages)):
        for path, part in _document_parts(_message(raw), places):
            at = _written(f"{places.field}[{number}]", path)
            pdf = places.read(part, at)
            if pdf is None:
                continue
            if len(found) == MOST:
                raise BadRequest(f"A call may hold {MOST} PDFs at most.", param=at)
            found.append(Document(number, path, pdf.field, _name(pdf.name), pdf.data))
    return found


def with_texts(messages: msgspec.Raw, texts: Sequence[tuple[Document, str]], places: Places) -> msgspec.Raw:
    """The same messages with these texts in place of their documents; those without any are byte for byte."""
    made: list[Any] = list(_raw_messages(messages))
    for number in {document.message for document, _ in texts}:
        made[number] = _message(made[number])
    for document, text in texts:
        holder = made[document.message]
        *way, last = document.part
        for step in way:
            holder = holder[step]
        holder[last] = places.as_text(holder[last], text)
    return msgspec.Raw(msgspec.json.encode(made))


def as_text(name: str, pages: Sequence[str]) -> str:
    """What a model gets to read of a document: each page under its number, so that it can be cited."""
    marked = [f"[Page {number}]\n{page}" for number, page in enumerate(pages, 1)]
    count = "1 page" if len(pages) == 1 else f"{len(pages)} pages"
    return "\n\n".join([f"[File {name}, {count}]", *marked])


def _document_parts(holder: Any, places: Places, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The documents of a message, and of the parts in it that hold parts themselves."""
    for name in places.lists if isinstance(holder, dict) else ():
        parts = holder.get(name)
        for number, part in enumerate(parts if isinstance(parts, list) else ()):
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == places.kind:
                yield (*path, name, number), part
            elif kind in places.nested and not path:
                yield from _document_parts(part, places, (name, number))


def _name(stated: Any) -> str:
    """The name of a file as a model is told it."""
    begun = stated[: 2 * MAX_NAME] if isinstance(stated, str) else ""
    shown = "".join(c for c in begun if c.isprintable())
    return shown.strip()[:MAX_NAME] or UNNAMED


def _written(at: str, path: Path) -> str:
    return at + "".join([f"[{step}]" if isinstance(step, int) else f".{step}" for step in path])
