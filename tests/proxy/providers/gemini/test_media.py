import pytest

from proxy.conversation import Inexpressible, Media
from proxy.providers.gemini.media import inline_data, media_part


@pytest.mark.parametrize(
    ("kind", "media_type", "mime_type"),
    [
        ("image", "image/png", "image/png"),
        ("image", "image/jpg", "image/jpeg"),
        ("file", "application/pdf", "application/pdf"),
        ("audio", "audio/wav", "audio/wav"),
        ("audio", "audio/x-wav", "audio/wav"),
        ("audio", "audio/mpeg", "audio/mp3"),
        ("audio", "audio/flac", "audio/flac"),
    ],
)
def test_what_comes_inline_is_sent_inline_under_the_type_the_api_knows(kind, media_type, mime_type):
    media = Media(kind, data="aGk=", media_type=media_type, name="a file")

    assert media_part(media) == {"inlineData": {"mimeType": mime_type, "data": "aGk="}}
    assert inline_data(media) == media_part(media)


@pytest.mark.parametrize(
    ("media", "file_data"),
    [
        (
            Media("image", url="https://example.com/a.PNG?size=2#x"),
            {"fileUri": "https://example.com/a.PNG?size=2#x", "mimeType": "image/png"},
        ),
        (
            Media("file", url="https://example.com/report.pdf"),
            {"fileUri": "https://example.com/report.pdf", "mimeType": "application/pdf"},
        ),
        (
            Media("image", url="https://example.com/a.png", media_type="image/jpg"),
            {"fileUri": "https://example.com/a.png", "mimeType": "image/jpeg"},
        ),
        (Media("file", url="HTTPS://example.com/report"), {"fileUri": "HTTPS://example.com/report"}),
        (Media("file", url="https://youtu.be/abc"), {"fileUri": "https://youtu.be/abc"}),
    ],
)
def test_an_address_on_the_open_web_is_fetched_by_the_provider(media, file_data):
    assert media_part(media) == {"fileData": file_data}


@pytest.mark.parametrize("path", ["", "/", "/picture", "/report.pdf", "/film.mp4", "/a.png/b"])
def test_an_image_is_told_to_be_one_wherever_it_is(path):
    sent = media_part(Media("image", url=f"https://example.com{path}"))

    assert sent["fileData"]["mimeType"] == "image/jpeg"


@pytest.mark.parametrize(
    "host", ["youtube.com", "www.YouTube.com", "youtu.be", "m.youtube.com:443", "youtu.be."]
)
def test_a_film_is_no_image(host):
    with pytest.raises(Inexpressible, match="film"):
        media_part(Media("image", url=f"https://{host}/watch?v=abc"))


@pytest.mark.parametrize(
    "url",
    [None, "", "http://example.com/a.png", "gs://bucket/a.png", "files/abc", "https:///a.png", "https://[1/a.png"],
)  # fmt: skip
def test_any_other_address_cannot_be_said(url):
    with pytest.raises(Inexpressible, match="https://") as refused:
        media_part(Media("image", url=url))

    assert refused.value.param == "messages"


@pytest.mark.parametrize(
    "url",
    [
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
        "https://GenerativeLanguage.googleapis.com/v1beta/files/abc",
        "https://x@generativelanguage.googleapis.com:443/v1beta/files/abc",
    ],
)
def test_a_file_in_the_storage_of_our_account_is_nobodys_to_ask_for(url):
    with pytest.raises(Inexpressible, match="storage"):
        media_part(Media("file", url=url))


def test_what_is_inline_needs_its_type():
    with pytest.raises(Inexpressible, match="media type"):
        media_part(Media("file", data="aGk="))


def test_a_tool_result_takes_nothing_by_its_address():
    with pytest.raises(Inexpressible, match="inline"):
        inline_data(Media("image", url="https://example.com/a.png"))
