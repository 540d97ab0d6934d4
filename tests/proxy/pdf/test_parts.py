import json

import msgspec
import pytest

from core.errors import BadRequest
from proxy.pdf.parts import as_text, documents_in, with_texts
from proxy.pdf.places import CHAT, HEAD, MESSAGES, RESPONSES
from tests.proxy.pdf.documents import as_block, as_file, as_input

TEXT = {"type": "text", "text": "What does it say?"}
MARK = {"cache_control": {"type": "ephemeral"}}


def raw(*messages):
    return msgspec.Raw(json.dumps(messages).encode())


def user(*parts):
    return {"role": "user", "content": list(parts)}


def result(*parts):
    return {"type": "tool_result", "tool_use_id": "a", "content": list(parts)}


def file(**fields):
    return {"type": "file", "file": fields}


def test_pdfs_are_found_where_they_stand_and_in_order():
    messages = raw(
        {"role": "system", "content": "Be brief."}, user(TEXT, as_file(b"one"), as_file(b"two", name="b.pdf"))
    )

    found = documents_in(messages, CHAT)

    assert [(one.message, one.part, one.name, one.data) for one in found] == [
        (1, ("content", 1), "report.pdf", b"one"),
        (1, ("content", 2), "b.pdf", b"two"),
    ]
    assert found[1].field == "messages[1].content[2].file.file_data"


def test_those_a_tool_gave_are_found_in_every_format():
    tool = {"role": "tool", "tool_call_id": "a", "content": [TEXT, as_file(b"x")]}
    block = user(TEXT, result(TEXT, as_block(b"x")))
    output = {"type": "function_call_output", "call_id": "a", "output": [TEXT, as_input(b"x")]}

    found = [
        [(one.field, one.data) for one in documents_in(raw(message), places)]
        for message, places in ((tool, CHAT), (block, MESSAGES), (output, RESPONSES))
    ]

    assert found == [
        [("messages[0].content[1].file.file_data", b"x")],
        [("messages[0].content[1].content[1].source.data", b"x")],
        [("input[0].output[1].file_data", b"x")],
    ]


def test_where_a_format_has_no_parts_there_are_no_documents():
    blocks = [
        user(result(result(as_block(b"x")))),
        user({"type": "text", "text": "x", "content": [as_block(b"x")]}),
        {"role": "assistant", "content": [{"type": "tool_use", "input": {"content": [as_block(b"x")]}}]},
        {"role": "user", "content": [{**result(), "content": "text"}]},
    ]
    items = ["text", None, [as_input(b"x")], {"type": "reasoning", "summary": [as_input(b"x")]}]

    assert documents_in(raw(*blocks), MESSAGES) == []
    assert documents_in(raw(*items), RESPONSES) == []


def test_files_of_other_types_are_left_alone():
    sheet = file(filename="a.csv", file_data="data:text/csv;base64,YQ==")

    assert documents_in(raw(user(sheet, TEXT, "odd", {"type": ["file"]})), CHAT) == []


def test_a_document_without_a_good_name_gets_one():
    nameless = file(file_data=HEAD + "YQ==")
    odd = file(file_data="DATA:application/pdf;x=y;BASE64,YQ==", filename="a\nb\x00.pdf" + "c" * 300)

    names = [one.name for one in documents_in(raw(user(nameless, odd)), CHAT)]

    assert names == ["document.pdf", "ab.pdf" + "c" * 194]


def test_what_is_not_sent_along_is_refused_where_it_stands():
    linked = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}

    with pytest.raises(BadRequest) as refused:
        documents_in(raw(user(TEXT), user(TEXT, result(linked))), MESSAGES)

    assert refused.value.param == "messages[1].content[1].content[0].source"


@pytest.mark.parametrize(
    ("part", "places"), [(as_file(b"x"), CHAT), (as_block(b"x"), MESSAGES), (as_input(b"x"), RESPONSES)]
)
def test_a_call_holds_only_so_many(part, places):
    with pytest.raises(BadRequest, match="8 PDFs at most") as refused:
        documents_in(raw(user(*[part] * 9)), places)

    assert refused.value.param == f"{places.field}[0].content[8]"


def test_text_takes_the_place_of_a_document_and_nothing_else_changes():
    system = b'{"role":"system",  "content":"1e2"}'
    told = json.dumps(user(TEXT, as_file(b"one", **MARK))).encode()
    messages = msgspec.Raw(b"[%s, %s]" % (system, told))

    made = with_texts(messages, [(documents_in(messages, CHAT)[0], "It says one.")], CHAT)

    assert bytes(made).startswith(b"[" + system + b",")
    assert json.loads(bytes(made))[1] == user(TEXT, {"type": "text", "text": "It says one.", **MARK})


def test_it_does_so_in_the_result_of_a_tool_too():
    messages = raw(user(as_block(b"one"), result(TEXT, as_block(b"two", **MARK))))
    found = documents_in(messages, MESSAGES)

    made = with_texts(messages, list(zip(found, ("It says one.", "It says two."), strict=True)), MESSAGES)

    one, two = ({"type": "text", "text": f"It says {number}."} for number in ("one", "two"))
    assert json.loads(bytes(made)) == [user(one, result(TEXT, {**two, **MARK}))]


def test_every_page_stands_under_its_number():
    assert as_text("a.pdf", ["one", "two"]) == "[File a.pdf, 2 pages]\n\n[Page 1]\none\n\n[Page 2]\ntwo"
    assert as_text("a.pdf", ["one"]) == "[File a.pdf, 1 page]\n\n[Page 1]\none"
