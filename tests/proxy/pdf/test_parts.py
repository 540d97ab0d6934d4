import json

import msgspec
import pytest

from core.errors import BadRequest
from proxy.pdf.parts import as_text, documents_in, with_texts
from tests.proxy.pdf.documents import HEAD, as_file


def raw(*messages):
    return msgspec.Raw(json.dumps(messages).encode())


def user(*parts):
    return {"role": "user", "content": list(parts)}


def file(**fields):
    return {"type": "file", "file": fields}


TEXT = {"type": "text", "text": "What does it say?"}


def test_pdfs_are_found_where_they_stand_and_in_order():
    messages = raw(
        {"role": "system", "content": "Be brief."}, user(TEXT, as_file(b"one"), as_file(b"two", name="b.pdf"))
    )

    found = documents_in(messages)

    assert [tuple(one) for one in found] == [(1, 1, "report.pdf", b"one"), (1, 2, "b.pdf", b"two")]
    assert found[1].field == "messages[1].content[2].file.file_data"


def test_files_of_other_types_are_left_alone():
    sheet = file(filename="a.csv", file_data="data:text/csv;base64,YQ==")

    assert documents_in(raw(user(sheet, TEXT, "odd", {"type": ["file"]}))) == []


def test_a_document_without_a_good_name_gets_one():
    nameless = file(file_data=HEAD + "YQ==")
    odd = file(file_data="DATA:application/pdf;x=y;BASE64,YQ==", filename="a\nb\x00.pdf" + "c" * 300)

    names = [one.name for one in documents_in(raw(user(nameless, odd)))]

    assert names == ["document.pdf", "ab.pdf" + "c" * 194]


@pytest.mark.parametrize(
    ("part", "param"),
    [
        (file(file_id="file-1"), "file.file_id"),
        (file(file_id="file-1", file_data=HEAD + "YQ=="), "file.file_id"),
        (file(file_data="https://example.com/a.pdf"), "file.file_data"),
        (file(file_data="JVBERi0xLjc="), "file.file_data"),
        (file(file_data=7), "file.file_data"),
        (file(), "file.file_data"),
        (file(file_data=HEAD + "YQ=!"), "file.file_data"),
        (file(file_data=HEAD + "é"), "file.file_data"),
        (file(file_data="data:application/pdf,YQ=="), "file.file_data"),
        ({"type": "file"}, "file"),
        ({"type": "file", "file": "a"}, "file"),
    ],
)
def test_what_is_not_sent_along_is_refused_by_name(part, param):
    with pytest.raises(BadRequest) as refused:
        documents_in(raw(user(TEXT, part)))

    assert refused.value.param == f"messages[0].content[1].{param}"
    assert refused.value.message.startswith(refused.value.param)


def test_a_call_holds_only_so_many():
    with pytest.raises(BadRequest, match="8 PDFs at most") as refused:
        documents_in(raw(user(*[as_file(b"x")] * 9)))

    assert refused.value.param == "messages[0].content[8]"


def test_text_takes_the_place_of_a_document_and_nothing_else_changes():
    system = b'{"role":"system",  "content":"1e2"}'
    told = json.dumps(user(TEXT, as_file(b"one", cache_control={"type": "ephemeral"}))).encode()
    messages = msgspec.Raw(b"[%s, %s]" % (system, told))

    made = with_texts(messages, [(documents_in(messages)[0], "It says one.")])

    assert bytes(made).startswith(b"[" + system + b",")
    part = {"type": "text", "cache_control": {"type": "ephemeral"}, "text": "It says one."}
    assert json.loads(bytes(made))[1] == user(TEXT, part)


def test_every_page_stands_under_its_number():
    assert as_text("a.pdf", ["one", "two"]) == "[File a.pdf, 2 pages]\n\n[Page 1]\none\n\n[Page 2]\ntwo"
    assert as_text("a.pdf", ["one"]) == "[File a.pdf, 1 page]\n\n[Page 1]\none"
