import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible, Media, Text
from tests.proxy.formats.chat.test_request import ask_of


def part_of(part):
    return ask_of(messages=[{"role": "user", "content": [part]}]).turns[0].parts[0]


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        ({"type": "text", "text": ""}, Text("")),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", cache=True)),
        ({"type": "refusal", "refusal": "no"}, Text("no")),
        ({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}, Media("image", url="https://a/b.png", detail="low")),
        ({"type": "image_url", "image_url": "HTTP://a/b"}, Media("image", url="HTTP://a/b")),
        ({"type": "image_url", "image_url": {"url": "data:image/PNG;base64,QUJD"}}, Media("image", data="QUJD", media_type="image/png")),
        ({"type": "image_url", "image_url": {"url": "data:image/svg+xml;charset=utf-8;base64,QUJD"}}, Media("image", data="QUJD", media_type="image/svg+xml")),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}}, Media("file", data="QUJD", media_type="application/pdf", name="a.pdf")),
        ({"type": "file", "file": {"file_data": "https://a/b.pdf"}}, Media("file", url="https://a/b.pdf")),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}, Media("audio", data="QUJD", media_type="audio/wav")),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}, "cache_control": {"type": "ephemeral"}}, Media("audio", data="QUJD", media_type="audio/mpeg", cache=True)),
    ],
)  # fmt: skip
def test_a_part_is_text_or_a_medium_by_address_or_inline(part, read):
    assert part_of(part) == read


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "video_url", "video_url": {"url": "https://a/b"}}, "type"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "file.file_id"),
        ({"type": "text", "text": "a", "odd": 1}, "odd"),
        ({"type": "image_url", "image_url": {"url": "https://a/b", "odd": 1}}, "image_url.odd"),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "odd": 1}},
            "cache_control.odd",
        ),
    ],
)
def test_what_has_no_place_in_a_part_is_refused_by_name(part, param):
    with pytest.raises(Inexpressible) as refused:
        part_of(part)

    assert refused.value.param == f"messages[0].content[0].{param}"


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"text": "a"}, "type"),
        ({"type": "text"}, "text"),
        ({"type": "text", "text": 5}, "text"),
        ({"type": "text", "text": "a", "cache_control": {"type": "forever"}}, "cache_control.type"),
        ({"type": "image_url"}, "image_url"),
        ({"type": "image_url", "image_url": {}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,raw"}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "data:;base64,QUJD"}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "https://a/b", "detail": "best"}}, "image_url.detail"),
        ({"type": "file"}, "file"),
        ({"type": "file", "file": {"filename": "a"}}, "file.file_data"),
        ({"type": "file", "file": {"file_data": "QUJD"}}, "file.file_data"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD"}}, "input_audio.format"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "a/b"}}, "input_audio.format"),
        ({"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,QUJD", "format": "wav"}}, "input_audio.data"),
    ],
)  # fmt: skip
def test_what_is_malformed_in_a_part_is_named(part, param):
    with pytest.raises(BadRequest) as refused:
        part_of(part)

    assert refused.value.param == f"messages[0].content[0].{param}"


def test_a_part_that_is_no_object_is_named():
    with pytest.raises(BadRequest) as refused:
        part_of("text")

    assert refused.value.param == "messages[0].content[0]"
