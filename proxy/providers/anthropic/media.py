"""Images and files as the Messages API takes them."""

import base64
import binascii
from typing import Any

from proxy.conversation import Inexpressible, Media

PDF = "application/pdf"
CLOSE = (None, "auto", "high")  # an image is always looked at as closely as can be


def media_block(media: Media) -> dict[str, Any]:
    """The block of an image or a file. Raises Inexpressible for a kind of content there is no block for."""
    if media.kind == "image":
        return {"type": "image", "source": _image_source(media)}
    if media.kind == "file":
        titled = {} if media.name is None else {"title": media.name}
        return {"type": "document", "source": _document_source(media), **titled}
    raise Inexpressible("messages", "This provider does not take audio. Leave it out.")


def _image_source(image: Media) -> dict[str, Any]:
    if image.detail not in CLOSE:
        raise Inexpressible("messages", f"This provider cannot look at an image in {image.detail} detail.")
    if image.url is not None:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _document_source(file: Media) -> dict[str, Any]:
    kind = (file.media_type or PDF).partition(";")[0].strip().lower()
    if kind == PDF and file.url is not None:
        return {"type": "url", "url": file.url}
    if kind == PDF:
        return {"type": "base64", "media_type": PDF, "data": file.data}
    if kind.startswith("text/") and file.data is not None:
        return {"type": "text", "media_type": "text/plain", "data": _plain_text(file.data)}
    raise Inexpressible("messages", f"This provider takes PDF and inline text files, and not {kind}.")


def _plain_text(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Inexpressible("messages", "A text file must be base64 of UTF-8.") from error
