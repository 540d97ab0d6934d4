"""An Anthropic answer on its way to a client of OpenAI's."""

import json
from decimal import Decimal

import pytest

from core.errors import UpstreamFailed
from proxy.formats.chat.writer import ChatWriter
from proxy.passages.converted import ConvertedPassage
from proxy.providers.anthropic.answer import AnthropicReader
from proxy.sse import MalformedStream
from tests.proxy.passages.bills import CALL_ID, a_meter, the_bill

HEAD = b'{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":30,"output_tokens":1}}}'
EVENTS = (
    HEAD,
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}',
    b'{"type":"content_block_stop","index":0}',
    b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}',
    b'{"type":"message_stop"}',
)
WHOLE = b"""{"type":"message","id":"m","content":[{"type":"text","text":"Hello"}],
 "stop_reason":"end_turn","usage":{"input_tokens":30,"output_tokens":5}}"""


@pytest.fixture
def meter():
    return a_meter()


@pytest.fixture
def passage(meter):
    writer = ChatWriter(answer_id=str(CALL_ID), model="acme/tiny", created=1)
    return ConvertedPassage(meter, AnthropicReader(), writer)


def stream(events):
    return b"".join(b"event: x\ndata: " + event + b"\n\n" for event in events)


def told(frames):
    data = [piece.removeprefix(b"data: ") for piece in frames.split(b"\n\n") if piece]
    return [json.loads(piece, parse_float=Decimal) for piece in data if piece != b"[DONE]"], data[-1]


def test_a_stream_is_told_in_the_clients_words_and_its_cost_last(passage, meter):
    taken, error = passage.take(stream(EVENTS))

    chunks, last = told(taken + passage.end(the_bill(meter)))

    assert (error, last, passage.is_done) == (None, b"[DONE]", True)
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]) == "Hello"
    # 30 tokens at 1000 nano-dollars and 5 at 2000, and 10 % fee.
    assert chunks[-1]["usage"]["cost"] == Decimal("0.000044")
    assert (meter.finish_reason, meter.produced_bytes) == ("end_turn", 5)


def test_nothing_is_worth_beginning_with_before_there_is_content(passage):
    passage.take(stream([HEAD]))
    before = passage.has_content
    passage.take(stream(EVENTS[1:2]))

    assert (before, passage.has_content) == (False, True)


def test_a_plain_answer_is_told_whole(passage, meter):
    passage.read(WHOLE)

    answer = json.loads(passage.answer(the_bill(meter)), parse_float=Decimal)

    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert answer["usage"]["cost"] == Decimal("0.000044")


def test_a_stream_that_broke_ends_as_the_clients_format_has_it(passage, meter):
    passage.take(stream(EVENTS[:3]))
    refused = UpstreamFailed("It broke.", metadata={"provider_name": "p", "reason": "why"})

    chunks, last = told(passage.failed(refused, the_bill(meter), provider="p"))

    assert (chunks[-1]["choices"][0]["error"]["code"], last) == (502, b"[DONE]")
    assert chunks[-1]["usage"]["completion_tokens"] == 2  # five bytes


def test_what_is_no_answer_is_malformed(passage):
    with pytest.raises(MalformedStream):
        passage.read(b'{"choices": []}')


THINKING = (
    HEAD,
    b'{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hmm..."}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}',
    b'{"type":"content_block_stop","index":0}',
    b'{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"secret"}}',
    b'{"type":"content_block_stop","index":1}',
    b'{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}',
    b'{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Hello"}}',
    b'{"type":"content_block_stop","index":2}',
    *EVENTS[4:],
)
THOUGHT_WHOLE = b"""{"type":"message","id":"m","stop_reason":"end_turn",
 "content":[{"type":"thinking","thinking":"Hmm...","signature":"sig"},{"type":"text","text":"Hello"}],
 "usage":{"input_tokens":30,"output_tokens":5}}"""


@pytest.fixture
def thoughtless(meter):
    writer = ChatWriter(answer_id=str(CALL_ID), model="acme/tiny", created=1)
    return ConvertedPassage(meter, AnthropicReader(), writer, hides_thoughts=True)


def test_hidden_thoughts_are_counted_and_not_told(thoughtless, meter):
    taken, error = thoughtless.take(stream(THINKING))

    chunks, _ = told(taken + thoughtless.end(the_bill(meter)))

    assert error is None
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hello"}, {}]
    assert meter.produced_bytes == len("Hmm..." + "secret" + "Hello")
    assert chunks[-1]["usage"]["cost"] == Decimal("0.000044")


def test_a_hidden_thought_begins_an_answer(thoughtless):
    thoughtless.take(stream(THINKING[:2]))

    assert thoughtless.has_content


def test_hidden_thoughts_are_not_in_a_plain_answer(thoughtless, meter):
    thoughtless.read(THOUGHT_WHOLE)

    answer = json.loads(thoughtless.answer(the_bill(meter)))

    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Hello", "refusal": None}
    assert meter.produced_bytes == len("Hmm..." + "Hello")
