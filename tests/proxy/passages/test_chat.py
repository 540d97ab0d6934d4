"""A chat completion that is passed on as it came: to the byte, but for its usage."""

import json
from decimal import Decimal

import pytest

from proxy.passages.chat import ChatPassage, QuietChatPassage
from proxy.sse import MalformedStream
from tests.proxy.passages.bills import CALL_ID, a_call, a_meter, the_bill

CHUNK = b'data: {"id": "x", "choices": [{"index": 0,  "delta": {"content": "Hello"}}]}\n\n'
STOP = b'data: {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
USAGE = b'data: {"id": "x", "odd": 1.0, "choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 5}}\n\n'


@pytest.fixture
def meter():
    return a_meter()


@pytest.fixture
def passage(meter):
    return ChatPassage(meter, a_call())


def test_chunks_pass_as_they_are_and_usage_waits_for_the_bill(passage, meter):
    taken = passage.take(CHUNK + STOP)
    held, _ = passage.take(USAGE + b"data: [DONE]\n\n")

    assert taken == (CHUNK + STOP, None)
    assert taken[0] is not None
    assert (held, passage.is_done) == (b"", True)
    last, done, _ = passage.end(the_bill(meter)).split(b"\n\n")
    told = json.loads(last.removeprefix(b"data: "), parse_float=Decimal)
    assert (told["id"], told["odd"], told["usage"]["cost"]) == ("x", 1, Decimal("0.000044"))
    assert done == b"data: [DONE]"


def test_a_stream_without_usage_ends_with_what_was_seen(passage, meter):
    passage.take(CHUNK + STOP)

    told = json.loads(passage.end(the_bill(meter)).split(b"\n\n")[0].removeprefix(b"data: "))

    assert (told["id"], told["usage"]["completion_tokens"]) == (str(CALL_ID), 2)


def test_an_error_in_a_stream_ends_it(passage):
    batch, error = passage.take(CHUNK + b'data: {"error": {"message": "secret"}}\n\n')

    assert (batch, str(error)) == (CHUNK, "the provider reports an error")


def test_an_answer_without_choices_is_none(passage):
    with pytest.raises(MalformedStream):
        passage.read(b'{"choices": [], "usage": {}}')


@pytest.mark.parametrize(("total", "is_odd"), [(35, False), (34, True)])
def test_usage_whose_total_is_another_is_odd_streamed_and_whole(total, is_odd):
    stated = b'"usage": {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": %d}' % total
    streamed, whole = (ChatPassage(a_meter(), a_call()) for _ in range(2))

    streamed.take(CHUNK + STOP + b'data: {"choices": [], %b}\n\n' % stated)
    whole.read(b'{"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], %b}' % stated)

    assert [passage.meter.is_odd for passage in (streamed, whole)] == [is_odd, is_odd]


THOUGHT = (
    b'data: {"choices": [{"index": 1, "logprobs": [0.5], "delta": {"role": "assistant", "reasoning": "Hm",'
    b' "reasoning_content": "Hm", "reason\\u0069ng_details": [{"text": "Hm"}]}}]}\n\n'
)


@pytest.fixture
def quiet(meter):
    return QuietChatPassage(meter, a_call())


def test_thoughts_nobody_wants_are_counted_and_taken_out_of_a_stream(quiet, meter):
    taken, error = quiet.take(CHUNK + THOUGHT + STOP)

    first, thought, last = taken.removesuffix(b"\n\n").split(b"\n\n")
    assert (first + b"\n\n", last + b"\n\n", error) == (CHUNK, STOP, None)
    assert json.loads(thought.removeprefix(b"data: ")) == {
        "choices": [{"index": 1, "logprobs": [0.5], "delta": {"role": "assistant"}}]
    }
    assert meter.produced_bytes == len("Hello" + "Hm")


def test_thoughts_nobody_wants_are_taken_out_of_a_whole_answer(quiet, meter):
    choice = {
        "message": {"content": "Hi", "reasoning_content": "Hm", "images": ["x"]},
        "finish_reason": "stop",
    }
    quiet.read(json.dumps({"odd": 1.0, "choices": [choice, choice], "usage": {}}).encode())

    told = json.loads(quiet.answer(the_bill(meter)))

    said = {"message": {"content": "Hi", "images": ["x"]}, "finish_reason": "stop"}
    assert (told["odd"], told["choices"]) == (1.0, [said, said])
    assert meter.produced_bytes == 2 * len("HiHm" + "x")


@pytest.mark.parametrize("odd", [b"1e999", b"[" * 5000 + b"]" * 5000])
def test_what_cannot_be_written_anew_is_malformed(quiet, odd):
    body = b'{"choices": [{"message": {"content": "Hi", "reasoning": "Hm"}}], "odd": %b}' % odd

    with pytest.raises(MalformedStream):
        quiet.read(body)
