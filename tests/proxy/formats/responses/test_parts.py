import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible, Media, Text
from proxy.formats.responses.fields import Fields
from proxy.formats.responses.parts import read_content


def read(*parts):
    return read_content(Fields({"content": list(parts)}, "input[0]"), "content")


def test_content_may_be_one_text():
    content = read_content(Fields({"content": "Hello"}), "content")

    assert content == (Text("Hello"),)


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ({"type": "input_text", "text": "Hi"}, Text("Hi")),
        ({"type": "text", "text": ""}, Text("")),
        ({"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}, Text("Hi")),
        ({"type": "refusal", "refusal": "No."}, Text("No.")),
        ({"type": "input_text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "5m"}}, Text("Hi", cache=True)),
        ({"type": "input_text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text("Hi", cache=True)),
        (
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
            Media("image", url="https://x.test/a.png", detail="low"),
        ),
        (
            {"type": "input_image", "image_url": "data:image/PNG;base64,QUJD", "cache_control": {"type": "ephemeral"}},
            Media("image", data="QUJD", media_type="image/png", cache=True),
        ),
        (
            {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
            Media("file", data="JVBE", media_type="application/pdf", name="a.pdf"),
        ),
        (
            {"type": "input_file", "file_url": "https://x.test/a.pdf", "file_id": None},
            Media("file", url="https://x.test/a.pdf"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            Media("audio", data="QUJD", media_type="audio/mpeg"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
            Media("audio", data="QUJD", media_type="audio/wav"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "flac"}, "cache_control": {}},
            Media("audio", data="QUJD", media_type="audio/flac", cache=True),
        ),
    ],
)  # fmt: skip
def test_a_part_is_read(part, made):
    assert read(part) == (made,)


@pytest.mark.parametrize(
    ("part", "param"),
    [
        (5, ""), ({}, ".type"), ({"type": 5}, ".type"), ({"type": "input_text"}, ".text"),
        ({"type": "input_text", "text": 5}, ".text"), ({"type": "refusal"}, ".refusal"),
        ({"type": "input_image"}, ".image_url"), ({"type": "input_image", "image_url": {"url": "x"}}, ".image_url"),
        ({"type": "input_image", "image_url": "ftp://x/y"}, ".image_url"),
        ({"type": "input_image", "image_url": "data:image/png,abc"}, ".image_url"),
        ({"type": "input_image", "image_url": "data:;base64,QUJD"}, ".image_url"),
        ({"type": "input_image", "image_url": "data:image/png;base64"}, ".image_url"),
        ({"type": "input_image", "image_url": "https://x/y", "detail": "closely"}, ".detail"),
        ({"type": "input_file"}, ".file_data"), ({"type": "input_file", "file_data": "JVBE"}, ".file_data"),
        ({"type": "input_file", "file_data": "data:a/b;base64,J", "file_url": "https://x/y"}, ".file_data"),
        ({"type": "input_file", "file_url": "file:///etc/passwd"}, ".file_url"),
        ({"type": "input_audio"}, ".input_audio"), ({"type": "input_audio", "input_audio": {}}, ".input_audio.data"),
        ({"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,QUJD", "format": "wav"}}, ".input_audio.data"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD"}}, ".input_audio.format"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "MIDI/1"}}, ".input_audio.format"),
        ({"type": "input_text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, ".cache_control.ttl"),
        ({"type": "input_text", "text": "x", "cache_control": {"type": "eternal"}}, ".cache_control.type"),
        (
            {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
            ".prompt_cache_breakpoint.ttl",
        ),
    ],
)  # fmt: skip
def test_a_part_that_is_wrong_is_refused_by_name(part, param):
    with pytest.raises(BadRequest) as refused:
        read({"type": "input_text", "text": "first"}, part)

    assert refused.value.param == f"input[0].content[1]{param}"


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_video"}, ".type"),
        ({"type": "input_image", "file_id": "file-1"}, ".file_id"),
        ({"type": "input_file", "file_id": "file-1"}, ".file_id"),
        ({"type": "input_image", "image_url": "https://x/y", "detail": "original"}, ".detail"),
        ({"type": "input_file", "file_url": "https://x/y", "detail": "low"}, ".detail"),
        ({"type": "output_text", "text": "x", "annotations": [{"type": "url_citation"}]}, ".annotations"),
        ({"type": "output_text", "text": "x", "logprobs": [{}]}, ".logprobs"),
        ({"type": "input_text", "text": "x", "colour": "red"}, ".colour"),
    ],
)
def test_a_part_that_has_no_place_elsewhere_is_refused_by_name(part, param):
    with pytest.raises(Inexpressible) as refused:
        read(part)

    assert refused.value.param == f"input[0].content[0]{param}"


@pytest.mark.parametrize("content", [None, 5, {}, True])
def test_content_is_text_or_parts(content):
    with pytest.raises(BadRequest) as refused:
        read_content(Fields({"content": content}, "input[2]"), "content")

    assert refused.value.param == "input[2].content"
