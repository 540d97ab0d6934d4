import json

import pytest

USAGE = {"stream_options": {"include_usage": True}}


async def test_a_plain_answer_has_the_shape_of_a_text_completion(completions):
    answer = await completions.ask("tiny+tokens=7")

    (choice,) = answer["choices"]
    assert len(choice.pop("text").split()) == 7
    assert choice == {"index": 0, "logprobs": None, "finish_reason": "stop"}
    assert (answer["object"], answer["id"][:5]) == ("text_completion", "cmpl-")
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (3, 7)


async def test_a_stream_is_these_chunks(completions):
    raw = await completions.raw("tiny+echo", prompt="a b", echo=True, **USAGE)

    chunks = [line.removeprefix("data: ") for line in raw.decode().split("\n\n") if line]
    assert chunks.pop() == "[DONE]"
    events = [json.loads(chunk) for chunk in chunks]
    told = [[(choice["text"], choice["finish_reason"]) for choice in event["choices"]] for event in events]
    assert told == [[("a b", None)], [("a", None)], [(" b", None)], [("", "stop")], []]
    assert [event["usage"] is None for event in events] == [True] * 4 + [False]
    assert {event["id"] for event in events} == {completions.record["answer_id"]}
    assert (completions.record["usage"]["completion_tokens"], completions.record["tokens_sent"]) == (2, 2)


async def test_usage_is_streamed_only_on_request(completions):
    events = await completions.events()

    assert not any("usage" in event for event in events)
    assert completions.record["usage"] is None


async def test_every_prompt_has_its_choices(completions):
    answer = await completions.ask("tiny+tokens=2", prompt=["One.", "Two."], n=2, echo=True)

    texts = [choice["text"] for choice in answer["choices"]]
    assert [text[:4] for text in texts] == ["One.", "One.", "Two.", "Two."]
    assert len(set(texts)) == 4
    assert answer["usage"]["completion_tokens"] == 8


async def test_choices_are_streamed_in_turn(completions):
    events = await completions.events("tiny+tokens=2", n=2)

    assert [event["choices"][0]["index"] for event in events] == [0, 1, 0, 1, 0, 1]


async def test_sixteen_tokens_are_enough_unless_told_otherwise(completions):
    short = await completions.ask("tiny+tokens=50")
    long = await completions.ask("tiny+tokens=50", max_tokens=40)

    assert (short["usage"]["completion_tokens"], long["usage"]["completion_tokens"]) == (16, 40)
    assert short["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"prompt": "-"}, "prompt"),
        ({"prompt": ["a"] * 21}, "prompt"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"n": 9}, "n"),
        ({"best_of": 3}, "best_of"),
        ({"stop": [""]}, "stop"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(completions, fields, param):
    status, body = await completions.refused(**fields)

    assert (status, body["error"]["param"]) == (400, param)


async def test_tokens_become_words_that_can_be_repeated(completions):
    answer = await completions.ask("tiny+tokens=0", prompt=[0, 1], echo=True)

    assert answer["choices"][0]["text"] == "acorn almond"
    assert answer["usage"]["prompt_tokens"] == 2


async def test_a_caller_needs_a_good_key(completions):
    status, body = await completions.refused(headers={"Authorization": "Bearer revoked"})

    assert (status, body["error"]["code"]) == (401, "invalid_api_key")
