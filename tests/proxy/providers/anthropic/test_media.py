import base64

import pytest

from proxy.conversation import Inexpressible, Media
from proxy.providers.anthropic.media import media_block


def test_an_image_is_sent_by_its_address_or_inline():
    by_address = media_block(Media("image", url="https://example.com/a.png", detail="high"))
    inline = media_block(Media("image", data="AAAA", media_type="image/png", detail="auto"))

    assert by_address == {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    assert inline == {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
    }


def test_a_pdf_is_a_document_with_its_name_as_title():
    by_address = media_block(Media("file", url="https://example.com/a.pdf"))
    inline = media_block(Media("file", data="AAAA", media_type="application/pdf", name="a.pdf"))

    assert by_address == {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}
    assert inline == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
        "title": "a.pdf",
    }


def test_a_text_file_is_a_document_of_its_text():
    data = base64.b64encode("a;ü\n".encode()).decode()

    block = media_block(Media("file", data=data, media_type="text/csv; charset=utf-8", name="a.csv"))

    assert block == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "a;ü\n"},
        "title": "a.csv",
    }


@pytest.mark.parametrize(
    ("media", "why"),
    [
        (Media("audio", data="AAAA", media_type="audio/wav"), "audio"),
        (Media("image", url="https://example.com/a.png", detail="low"), "low detail"),
        (Media("file", data="AAAA", media_type="application/zip"), "application/zip"),
        (Media("file", url="https://example.com/a.txt", media_type="text/plain"), "text/plain"),
        (Media("file", data="/w==", media_type="text/plain"), "UTF-8"),
        (Media("file", data="?", media_type="text/plain"), "base64"),
        (Media("file", data="ü", media_type="text/plain"), "base64"),
    ],
)
def test_what_there_is_no_block_for_is_refused(media, why):
    with pytest.raises(Inexpressible, match=why) as refused:
        media_block(media)

    assert refused.value.param == "messages"
