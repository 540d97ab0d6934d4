import json

import pytest

from proxy.chat_call import ChatCall
from proxy.formats.messages.call import MessagesCall
from proxy.formats.responses.call import ResponsesCall
from proxy.pdf.call import DocumentCall

SAID = [{"role": "user", "content": "Hi"}]
ASKED = {"plugins": [{"id": "file-parser", "pdf": {"engine": "pdf-text"}}]}


@pytest.mark.parametrize(
    ("read", "fields"),
    [
        (ChatCall, {"messages": SAID}),
        (MessagesCall, {"messages": SAID, "max_tokens": 5}),
        (ResponsesCall, {"input": SAID}),
    ],
)
def test_a_call_says_who_reads_its_documents_and_no_provider_is_told(read, fields):
    call = read.parse(json.dumps({"model": "a/b", **fields, **ASKED}).encode())

    assert isinstance(call, DocumentCall)
    assert (call.pdf_engine, call.scan) == ("pdf-text", None)
    assert call.PLACES.field in call.fields
    assert "plugins" not in call.fields
