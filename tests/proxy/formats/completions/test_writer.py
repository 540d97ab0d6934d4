import json
from decimal import Decimal

import pytest

from core.errors import UpstreamFailed
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Stopped, Told
from proxy.formats.completions.format import Completions
from tests.proxy.formats.chat.test_writer import BILL, USAGE, USED, chunks

THOUGHTFUL = (
    Began("theirs"), BlockBegan(0, "thinking"), Delta(0, "hm"), BlockEnded(0), BlockBegan(1, "text"),
    Delta(1, "Hel"), Delta(1, "lo\n"), BlockEnded(1), BlockBegan(2, "refusal"), Delta(2, " no"), Told(USED),
    Stopped("length", "max_tokens"),
)  # fmt: skip
HEAD = {"id": "ours", "object": "text_completion", "created": 7, "model": "a/b"}
ENDING = {"finish_reason": "length", "native_finish_reason": "max_tokens"}


def writer():
    return Completions().writer({}, answer_id="ours", model="a/b", created=7)


def choice(text, **more):
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": None, **more}


def test_a_whole_answer_is_what_was_said_aloud():
    told = json.loads(writer().whole(THOUGHTFUL, BILL), parse_float=Decimal)

    assert told == {**HEAD, "choices": [choice("Hello\n no", **ENDING)], "usage": USAGE}


def test_a_stream_is_the_same_in_pieces_with_the_cost_last():
    made = writer()

    told = chunks(b"".join(made.event(event) for event in THOUGHTFUL) + made.end(BILL))

    assert [event["choices"] for event in told] == [
        [choice("Hel")], [choice("lo\n")], [choice(" no")], [choice("", **ENDING)], [],
    ]  # fmt: skip
    assert told[-1] == {**HEAD, "choices": [], "usage": USAGE}


@pytest.mark.parametrize(
    ("reason", "told"), [("end", "stop"), ("stop_sequence", "stop"), ("filter", "content_filter")]
)
def test_each_reason_for_the_end_has_its_word(reason, told):
    [answer] = json.loads(writer().whole([Stopped(reason, "theirs")], BILL))["choices"]

    assert answer["finish_reason"] == told


def test_a_stream_that_broke_says_so_in_its_last_chunk():
    refused = UpstreamFailed("It failed.", metadata={"provider_name": "p", "reason": "cut"})

    [told] = chunks(writer().failed(refused, BILL, provider="p"))

    [broken] = told["choices"]
    assert (told["object"], told["usage"]) == ("text_completion", USAGE)
    assert (broken["text"], broken["finish_reason"]) == ("", "error")
    assert broken["error"]["metadata"] == {"provider_name": "p", "raw": "cut"}
