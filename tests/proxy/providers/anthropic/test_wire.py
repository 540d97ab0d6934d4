import pytest

from proxy.providers.anthropic.wire import read_event, read_message, text_of
from proxy.sse import MalformedStream


def test_an_event_is_read_by_what_is_looked_at():
    event = read_event(
        b'{"type":"content_block_start","index":2,"x":[1],"content_block":{"type":"tool_use","input":{ "a":1.0}}}'
    )

    assert (event.type, event.index) == ("content_block_start", 2)
    assert bytes(event.content_block.input) == b'{ "a":1.0}'


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"ping"}',
        b'{"type":"ping","index":"first","delta":7,"message":[],"content_block":null}',
        b'{"type":"error","message":"no"}',
    ],
)
def test_of_an_event_nobody_knows_its_kind_is_read(data):
    assert read_event(data).type in {"ping", "error"}


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[DONE]", b"null", b"[]", b"7", b'"ping"', b"{}", b'{"type":7}', b'{"type":"ping"', b'{"type":"ping","x":"\xff"}',
        b'{"type":"message_stop","index":true}', b'{"type":"message_start","message":[]}', b'{"type":"message_delta","delta":"x"}',
        b'{"type":"content_block_start","index":0,"content_block":{}}', b'{"type":"content_block_delta","index":0.5}',
        b'{"type":"content_block_delta","delta":{"text":"\\ud800"}}', b"[" * 100_000, b'{"type":"ping","x":' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_event_is_malformed(data):
    with pytest.raises(MalformedStream):
        read_event(data)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"content":"x"}', b'{"content":[{}]}', b'{"id":"\xff"}'])
def test_what_is_no_answer_is_malformed(body):
    with pytest.raises(MalformedStream):
        read_message(body)


def test_text_may_be_left_out_and_be_nothing_else():
    assert text_of(None) == ""
    assert text_of("a") == "a"
    with pytest.raises(MalformedStream):
        text_of(["a"])
