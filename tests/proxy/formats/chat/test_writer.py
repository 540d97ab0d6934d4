import json
from decimal import Decimal

import pytest

from core.charging.calls import Ending
from core.errors import UpstreamFailed
from core.money import Nanos
from core.rules.prices import Cost, Usage
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Stopped, Told
from proxy.formats.chat import Chat
from proxy.formats.format import Bill
from proxy.sse import DONE, EventSplitter

USED = Usage(input_tokens=9, output_tokens=5, cached_tokens=4, reasoning_tokens=2)
BILL = Bill(
    Ending(provider="p", usage=USED, cost=Cost(Nanos(1_000), Nanos(1_100)), status=200, reason="done"),
    charge_n=1_100,
)
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 5,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
    "cost": Decimal("0.0000011"),
    "cost_details": {"upstream_inference_cost": Decimal("0.000001"), "fee": Decimal("0.0000001")},
}
HELLO = (
    Began("theirs"), BlockBegan(0, "text"), Delta(0, "Hel\u2028lo\n"), BlockEnded(0), Told(USED), Stopped("end", "done"),
)  # fmt: skip


def writer():
    return Chat().writer({}, answer_id="ours", model="a/b", created=7)


def chunks(stream):
    """The chunks of a stream, and whether it ended as it should."""
    events = list(EventSplitter().feed(stream))
    assert events.pop() == DONE
    return [json.loads(event, parse_float=Decimal) for event in events]


def head(**more):
    return {"id": "ours", "object": "chat.completion.chunk", "created": 7, "model": "a/b", **more}


def choice(delta, finish_reason=None, **more):
    return [{"index": 0, "delta": delta, "finish_reason": finish_reason, **more}]


def test_a_stream_has_the_role_first_and_the_cost_last_under_our_own_id():
    made = writer()

    stream = b"".join(made.event(event) for event in HELLO) + made.end(BILL)

    assert chunks(stream) == [
        head(choices=choice({"role": "assistant", "content": ""})),
        head(choices=choice({"content": "Hel\u2028lo\n"})),
        head(choices=choice({}, "stop", native_finish_reason="done")),
        head(choices=[], usage=USAGE),
    ]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("end", "stop"),
        ("stop_sequence", "stop"),
        ("length", "length"),
        ("tool_use", "tool_calls"),
        ("filter", "content_filter"),
    ],
)
def test_the_reason_of_the_end_is_in_openais_words(reason, said):
    made = writer().event(Stopped(reason, "native"))

    [ending] = json.loads(made.removeprefix(b"data: "))["choices"]
    assert (ending["finish_reason"], ending["native_finish_reason"]) == (said, "native")


def test_a_stream_that_breaks_ends_with_an_error_chunk_and_its_cost():
    made = writer()
    refused = UpstreamFailed("It failed.", metadata={"reason": "the answer stalled"})

    stream = made.event(HELLO[0]) + made.failed(refused, BILL, provider="acme")

    last = chunks(stream)[-1]
    assert last["choices"] == choice(
        {"content": ""},
        "error",
        native_finish_reason=None,
        error={
            "code": 502,
            "message": "It failed.",
            "metadata": {"provider_name": "acme", "raw": "the answer stalled"},
        },
    )
    assert (last["id"], last["usage"]) == ("ours", USAGE)


def test_a_whole_answer_is_a_completion():
    body = writer().whole(HELLO, BILL)

    assert json.loads(body, parse_float=Decimal) == {
        "id": "ours",
        "object": "chat.completion",
        "created": 7,
        "model": "a/b",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hel\u2028lo\n", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
                "native_finish_reason": "done",
            }
        ],
        "usage": USAGE,
    }
