"""What stands inside a message, or in the result of a tool: text, images, files, recordings."""

import re
from collections.abc import Callable
from typing import Any, Literal

from core.errors import BadRequest
from proxy.conversation import Media, Text
from proxy.formats.responses.fields import Fields

DETAILS = ("auto", "low", "high", "original")
SOUNDS = {"mp3": "audio/mpeg"}  # every other format is called what it is
_SOUND = re.compile(r"[a-z0-9]{1,16}")
NOT_KEPT = "names a file that is not kept here. Send it inline, or by its address"


def read_content(message: Fields, name: str) -> tuple[Text | Media, ...]:
    """The content of a message or of a result: one text, or a list of parts."""
    content = message.take(name)
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise message.wrong(name, "must be text or a list of parts")
    return tuple(
        [_part(Fields(entry, f"{message.at(name)}[{index}]")) for index, entry in enumerate(content)]
    )


def _part(part: Fields) -> Text | Media:
    kind = part.needed_text("type")
    read = _READERS.get(kind)
    if read is None:
        raise part.foreign("type", f"is none that can be passed on. Use one of: {', '.join(_READERS)}")
    made = read(part)
    part.none_left()
    return made


def _text(part: Fields) -> Text:
    text = part.text("text")
    if text is None:
        raise part.wrong("text", "is missing")
    for name in ("annotations", "logprobs"):  # beside an answer that is sent back
        part.empty(name, "cannot be passed on. Send the text without")
    return Text(text, cache=read_cache(part))


def _refusal(part: Fields) -> Text:
    """A refusal in words is what the model said, and is said again as that."""
    return Text(part.needed_text("refusal"))


def _image(part: Fields) -> Media:
    _not_by_id(part)
    detail = part.word("detail", DETAILS)
    if detail == "original":
        raise part.foreign("detail", "has no bound for original, and so no price. Use high")
    name, address = "image_url", part.needed_text("image_url")
    return _media("image", part.at(name), address, detail=detail, cache=read_cache(part))


def _file(part: Fields) -> Media:
    _not_by_id(part)
    inline, link = part.text("file_data"), part.text("file_url")
    if (inline is None) is (link is None):
        raise part.wrong("file_data", "or file_url must be there, and not both")
    if inline is not None and not inline.startswith("data:"):
        raise part.wrong("file_data", "must be a data URI, as in data:application/pdf;base64,JVBE")
    address, field = (link, "file_url") if inline is None else (inline, "file_data")
    name = part.text("filename")
    return _media("file", part.at(field), address or "", name=name, cache=read_cache(part))


def _audio(part: Fields) -> Media:
    sound = part.inner("input_audio")
    if sound is None:
        raise part.wrong("input_audio", "is missing")
    data = sound.needed_text("data")
    if data.startswith("data:"):
        raise sound.wrong("data", "must be base64 alone. Leave out what stands before the comma")
    form = sound.needed_text("format")
    if _SOUND.fullmatch(form) is None:
        raise sound.wrong("format", "must be one such as wav or mp3")
    sound.none_left()
    return Media("audio", data=data, media_type=SOUNDS.get(form, f"audio/{form}"), cache=read_cache(part))


def _not_by_id(part: Fields) -> None:
    if part.text("file_id") is not None:
        raise part.foreign("file_id", NOT_KEPT)


def _media(kind: Literal["image", "file"], field: str, address: str, **more: Any) -> Media:
    """A medium by its address: on the web, or a data URI that holds it."""
    if address.startswith(("https://", "http://")):
        return Media(kind, url=address, **more)
    head, comma, data = address.partition(",")
    media_type = head.removeprefix("data:").removesuffix(";base64")
    if not (head.startswith("data:") and head.endswith(";base64") and comma and "/" in media_type):
        raise BadRequest(f"{field} must be an http(s) address, or a data URI in base64.", param=field)
    return Media(kind, data=data, media_type=media_type.partition(";")[0].lower(), **more)


def read_cache(part: Fields) -> bool:
    """Say whether a provider is to cache up to here: in this format's words, or in those of chat messages."""
    mark, control = part.inner("prompt_cache_breakpoint"), part.inner("cache_control")
    if mark is not None:
        mark.word("mode", ("explicit",))
        if mark.take("ttl") is not None:
            raise mark.wrong("ttl", "has no price here. Leave it out")
        mark.none_left()
    if control is not None:
        control.word("type", ("ephemeral",))
        if control.take("ttl") not in (None, "5m"):
            raise control.wrong("ttl", "has no price here but 5m")
        control.none_left()
    return mark is not None or control is not None


_READERS: dict[str, Callable[[Fields], Text | Media]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
