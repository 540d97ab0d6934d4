"""The parts of a message: text, images, files and recordings."""

import re
from collections.abc import Callable

from msgspec.structs import replace

from proxy.conversation import Media, Text
from proxy.formats.chat.fields import Fields

DETAILS = ("auto", "low", "high", "original")
AUDIO_TYPES = {"mp3": "audio/mpeg"}  # every other format is called what it is
_AUDIO_FORMAT = re.compile(r"[a-z0-9]{1,16}")
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


def content(message: Fields, name: str = "content") -> list[Text | Media]:
    """The content of a message: text, or a list of parts."""
    value = message.take(name)
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Text(value)]
    if not isinstance(value, list):
        raise message.wrong(name, "text or a list of parts")
    return [_part(Fields(part, f"{message.path(name)}[{index}]")) for index, part in enumerate(value)]


def texts(message: Fields) -> list[Text]:
    """A content that may hold nothing but text."""
    made = []
    for index, part in enumerate(content(message)):
        if not isinstance(part, Text):
            raise message.no_place(f"content[{index}]")
        made.append(part)
    return made


def cache(part: Fields) -> bool:
    """Say whether a part is marked to be cached up to."""
    control = part.object("cache_control")
    if control is None:
        return False
    control.one_of("type", ("ephemeral",))
    control.drop("ttl")  # none but the usual one is let in
    control.end()
    return True


def _part(part: Fields) -> Text | Media:
    kind = part.needed("type")
    if kind not in READERS:
        raise part.no_place("type")
    made = READERS[kind](part)
    part.end()
    return made


def _text(part: Fields) -> Text:
    return Text(_needed_text(part, "text"), cache=cache(part))


def _refusal(part: Fields) -> Text:
    """What an assistant said, in whatever tone."""
    return Text(_needed_text(part, "refusal"), cache=cache(part))


def _needed_text(part: Fields, name: str) -> str:
    value = part.text(name)
    if value is None:
        raise part.wrong(name, "text")
    return value


def _image(part: Fields) -> Media:
    value = part.take("image_url")
    image = Fields({"url": value} if isinstance(value, str) else value, part.path("image_url"))
    url, detail = image.needed("url"), image.one_of("detail", DETAILS)
    image.end()
    return _placed(image, "url", Media("image", url=url, detail=detail, cache=cache(part)))


def _file(part: Fields) -> Media:
    file = part.object("file")
    if file is None:
        raise part.wrong("file", "an object")
    if file.text("file_id"):
        raise file.no_place("file_id")
    url, name = file.needed("file_data"), file.text("filename")
    file.end()
    return _placed(file, "file_data", Media("file", url=url, name=name, cache=cache(part)))


def _placed(fields: Fields, name: str, media: Media) -> Media:
    """A medium by its address; or inline, when that is a data: URI."""
    url = media.url or ""
    if _ADDRESS.match(url):
        return media
    head = _DATA_URI.match(url)
    if head is None:
        raise fields.wrong(name, "an http(s) address, or data:<media type>;base64,<data>")
    return replace(media, url=None, data=url[head.end() :], media_type=head[1].lower())


def _audio(part: Fields) -> Media:
    audio = part.object("input_audio")
    if audio is None:
        raise part.wrong("input_audio", "an object")
    data, form = audio.needed("data"), audio.needed("format")
    if data.startswith("data:"):
        raise audio.wrong("data", "bare base64, without data: before it")
    if _AUDIO_FORMAT.fullmatch(form) is None:
        raise audio.wrong("format", "a format, such as wav or mp3")
    audio.end()
    media_type = AUDIO_TYPES.get(form, f"audio/{form}")
    return Media("audio", data=data, media_type=media_type, cache=cache(part))


READERS: dict[str, Callable[[Fields], Text | Media]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
}
