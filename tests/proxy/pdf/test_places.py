"""What a document is in each format, and the text that takes its place there."""

import pytest
from hypothesis import given as whatever
from hypothesis import settings
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.pdf.places import CHAT, HEAD, MESSAGES, RESPONSES, Pdf
from tests.proxy.pdf.documents import as_block, as_file, as_input

MARK = {"cache_control": {"type": "ephemeral"}}


def file(**fields):
    return {"type": "file", "file": fields}


def given(**fields):
    return {"type": "input_file", **fields}


def block(source, **beside):
    return {"type": "document", "source": source, **beside}


def base64(**fields):
    return {"type": "base64", "media_type": "application/pdf", "data": "YQ==", **fields}


@pytest.mark.parametrize(
    ("places", "part", "field"),
    [
        (CHAT, as_file(b"a"), "at.file.file_data"),
        (MESSAGES, as_block(b"a"), "at.source.data"),
        (MESSAGES, as_block(b"a", context=None, citations={"enabled": False}), "at.source.data"),
        (RESPONSES, as_input(b"a"), "at.file_data"),
        (RESPONSES, as_input(b"a", file_id=None, file_url=None), "at.file_data"),
    ],
)
def test_a_pdf_is_read_from_the_part_it_came_in(places, part, field):
    assert places.read(part, "at") == Pdf(field, "report.pdf", b"a")


@pytest.mark.parametrize(
    ("places", "part"),
    [
        (CHAT, file(file_data="data:text/csv;base64,YQ==")),
        (MESSAGES, block({"type": "text", "media_type": "text/plain", "data": "a"})),
        (MESSAGES, block({"type": "content", "content": "a"})),
        (MESSAGES, block(base64(media_type="text/csv"))),
        (MESSAGES, block(base64(media_type=None))),
        (RESPONSES, given(file_data="data:text/csv;base64,YQ==")),
    ],
)
def test_a_file_of_another_type_is_none(places, part):
    assert places.read(part, "at") is None


@pytest.mark.parametrize(
    ("places", "part", "param"),
    [
        (CHAT, file(file_id="file-1"), "file.file_id"),
        (CHAT, file(file_id="file-1", file_data=HEAD + "YQ=="), "file.file_id"),
        (CHAT, file(file_data="https://example.com/a.pdf"), "file.file_data"),
        (CHAT, file(file_data="JVBERi0xLjc="), "file.file_data"),
        (CHAT, file(file_data=7), "file.file_data"),
        (CHAT, file(), "file.file_data"),
        (CHAT, file(file_data=HEAD + "YQ=!"), "file.file_data"),
        (CHAT, file(file_data=HEAD + "é"), "file.file_data"),
        (CHAT, file(file_data="data:application/pdf,YQ=="), "file.file_data"),
        (CHAT, {"type": "file"}, "file"),
        (CHAT, {"type": "file", "file": "a"}, "file"),
        (MESSAGES, block({"type": "url", "url": "https://example.com/a.pdf"}), "source"),
        (MESSAGES, block({"type": "file", "file_id": "file_1"}), "source"),
        (MESSAGES, block({"type": ["base64"]}), "source"),
        (MESSAGES, block({}), "source"),
        (MESSAGES, block("YQ=="), "source"),
        (MESSAGES, {"type": "document"}, "source"),
        (MESSAGES, block(base64(data="YQ=!")), "source.data"),
        (MESSAGES, block(base64(data=None)), "source.data"),
        (MESSAGES, block(base64(data=["YQ=="])), "source.data"),
        (MESSAGES, block(base64(), citations={"enabled": True}), "citations"),
        (MESSAGES, block(base64(), citations="yes"), "citations"),
        (MESSAGES, block(base64(), context=["a"]), "context"),
        (RESPONSES, given(file_url="https://example.com/a.pdf"), "file_url"),
        (RESPONSES, given(file_id="file-1"), "file_id"),
        (RESPONSES, given(file_data="JVBERi0xLjc="), "file_data"),
        (RESPONSES, given(file_data=HEAD + "YQ=!"), "file_data"),
        (RESPONSES, given(), "file_data"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(places, part, param):
    with pytest.raises(BadRequest) as refused:
        places.read(part, "at")

    assert refused.value.param == f"at.{param}"
    assert refused.value.message.startswith(refused.value.param)


@pytest.mark.parametrize(
    ("places", "part", "kind"),
    [(CHAT, as_file, "text"), (MESSAGES, as_block, "text"), (RESPONSES, as_input, "input_text")],
)
def test_a_text_keeps_what_stood_beside_the_document(places, part, kind):
    made = places.as_text(part(b"a", **MARK, odd=1), "It says a.")

    assert made == {"type": kind, "text": "It says a.", **MARK, "odd": 1}


def test_what_a_model_is_told_about_a_document_stands_before_its_text():
    told = as_block(b"a", context="From the files of 2024.", citations={"enabled": False})

    assert MESSAGES.as_text(told, "It says a.") == {
        "type": "text",
        "text": "From the files of 2024.\n\nIt says a.",
    }


words = st.sampled_from(
    ["base64", "url", "file", "application/pdf", "YQ==", HEAD, HEAD + "YQ==", "data:,", "é"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = (
    "file", "source", "type", "media_type", "data", "file_data", "file_id", "file_url", "title", "context", "citations",
)  # fmt: skip
inside = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
parts = st.dictionaries(st.sampled_from(NAMES), values | inside, max_size=6)


@settings(max_examples=300, deadline=None)
@whatever(st.sampled_from([CHAT, MESSAGES, RESPONSES]), parts)
def test_whatever_a_part_says_it_is_read_or_refused_and_a_text_can_take_its_place(places, part):
    try:
        pdf = places.read(part, "at")
    except BadRequest:
        return

    if pdf is not None:
        assert isinstance(pdf.data, bytes)
        assert "It says a." in places.as_text(part, "It says a.")["text"]
