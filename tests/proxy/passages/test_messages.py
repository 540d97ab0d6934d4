"""A message that is passed on as it came: to the byte, but for what it cost."""

import json
from decimal import Decimal

import pytest

from core.errors import UpstreamFailed
from proxy.passages.messages import MessagesPassage
from tests.proxy.passages.bills import a_call, a_meter, the_bill
from tests.proxy.passages.test_converted import EVENTS, stream

WHOLE = b"""{"type":"message", "id":"m", "content":[{"type":"text", "text":"H\\u00ed"}], "odd": 1.0,
 "stop_reason":"end_turn", "usage":{"input_tokens":30, "output_tokens":5, "service_tier":"standard"}}"""


@pytest.fixture
def meter():
    return a_meter()


@pytest.fixture
def passage(meter):
    return MessagesPassage(meter, a_call())


def test_events_pass_as_they_came_and_the_last_two_wait_for_the_bill(passage, meter):
    taken, error = passage.take(stream(EVENTS))

    assert error is None
    names = ("message_start", "content_block_start", "content_block_delta", "content_block_stop")
    framed = zip(names, EVENTS, strict=False)
    assert taken == b"".join(b"event: %b\ndata: %b\n\n" % (name.encode(), data) for name, data in framed)
    assert passage.is_done

    delta, stop, _ = passage.end(the_bill(meter)).split(b"\n\n")
    last = json.loads(delta.removeprefix(b"event: message_delta\ndata: "), parse_float=Decimal)
    assert last["delta"] == {"stop_reason": "end_turn"}
    assert last["usage"]["output_tokens"] == 5
    assert last["usage"]["cost"] == Decimal("0.000044")
    assert stop.startswith(b"event: message_stop\n")


def test_a_plain_message_keeps_every_field_as_it_came(passage, meter):
    passage.read(WHOLE)

    body = passage.answer(the_bill(meter))

    assert b'"content":[{"type":"text", "text":"H\\u00ed"}]' in body
    assert b'"odd":1.0' in body
    usage = json.loads(body, parse_float=Decimal)["usage"]
    assert (usage["service_tier"], usage["cost"]) == ("standard", Decimal("0.000044"))


def test_usage_nobody_believes_is_not_passed_on(passage, meter):
    lie = EVENTS[4].replace(b'"output_tokens":5', b'"output_tokens":-5')
    passage.take(stream([*EVENTS[:4], lie]))

    delta = passage.end(the_bill(meter)).split(b"\n\n")[0]

    assert json.loads(delta.partition(b"data: ")[2])["usage"]["output_tokens"] == 2  # five bytes were seen


def test_no_name_of_an_event_ends_its_line(passage):
    odd = b'{"type":"x\\nevent: message_stop"}'

    taken, _ = passage.take(stream([odd]))

    assert taken == b"data: " + odd + b"\n\n"


def test_a_message_that_broke_ends_with_an_error_event(passage, meter):
    passage.take(stream(EVENTS[:3]))
    refused = UpstreamFailed("It broke.", metadata={"provider_name": "p", "reason": "why"})

    frame = passage.failed(refused, the_bill(meter), provider="p")

    assert frame.startswith(b"event: error\n")
    error = json.loads(frame.partition(b"data: ")[2])
    assert (error["type"], error["error"]["type"], error["error"]["message"]) == (
        "error", "api_error", "It broke.",
    )  # fmt: skip
