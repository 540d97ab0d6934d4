"""Images, files and recordings, as Gemini takes them: inline, or fetched by the provider."""

from typing import Any
from urllib.parse import urlsplit

from proxy.conversation import Inexpressible, Media

FILES_API = "generativelanguage.googleapis.com"
# Names that are in use for a type the API knows by another one.
TYPES = {
    "image/jpg": "image/jpeg",
    "audio/mpeg": "audio/mp3",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
}
FILMS = ("youtube.com", "youtu.be")  # addresses the API takes for the film, however it is called
# What an address tells of a type nobody named. Without one the API goes by what it fetches, which of an image
# must not be: it might find a book or a film, and only an image was held for.
SUFFIXES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "pdf": "application/pdf",
}
ANY_IMAGE = "image/jpeg"


def media_part(media: Media) -> dict[str, Any]:
    """A part of a turn. A file's name is only its label: the API has no place for it."""
    if media.data is not None:
        return inline_data(media)
    url = media.url or ""
    host, path = _address(url)
    if not host:
        raise Inexpressible(
            "messages",
            f"This model takes {media.kind} content inline, or by an address that begins with https://.",
        )
    if FILES_API in url.lower():
        # What is stored there is the account's that all clients share, so it may be anybody's.
        raise Inexpressible(
            "messages", f"Files of the provider's own storage cannot be used. Send the {media.kind} inline."
        )
    if media.kind == "image" and any(name in url.lower() for name in FILMS):
        raise Inexpressible("messages", "A film is no image: this model takes it as a file, by its address.")
    file: dict[str, Any] = {"fileUri": url}
    if kind := _type(media) or _type_at(path, media.kind):
        file["mimeType"] = kind
    return {"fileData": file}


def inline_data(media: Media) -> dict[str, Any]:
    """What a turn and the result of a tool may hold alike."""
    if media.data is None:
        raise Inexpressible("messages", "This model takes what a tool found inline, not by its address.")
    kind = _type(media)
    if kind is None:
        raise Inexpressible("messages", f"This model must be told the media type of {media.kind} content.")
    return {"inlineData": {"mimeType": kind, "data": media.data}}


def _type(media: Media) -> str | None:
    return TYPES.get(media.media_type, media.media_type) if media.media_type else None


def _type_at(path: str, kind: str) -> str | None:
    found = SUFFIXES.get(path.rpartition(".")[2].lower())
    if kind == "image" and (found is None or not found.startswith("image/")):
        return ANY_IMAGE
    return found


def _address(url: str) -> tuple[str, str]:
    """The host and the path; nothing of what is no address on the open web."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return (parts.netloc, parts.path) if parts.scheme == "https" else ("", "")
