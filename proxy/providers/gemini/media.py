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
# What an address tells of a type nobody named. Without one the API goes by what it fetches.
SUFFIXES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "pdf": "application/pdf",
}


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
    file: dict[str, Any] = {"fileUri": url}
    if kind := _type(media) or SUFFIXES.get(path.rpartition(".")[2].lower()):
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


def _address(url: str) -> tuple[str, str]:
    """The host and the path; nothing of what is no address on the open web."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return (parts.netloc, parts.path) if parts.scheme == "https" else ("", "")
