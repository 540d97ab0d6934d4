import json

import aiohttp
import pytest

from simulator.signatures import sign

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}]
THINKING = {"type": "enabled", "budget_tokens": 1024}


async def test_a_plain_answer_has_the_shape_of_a_message(anthropic):
    answer = await anthropic.ask("tiny+tokens=7")

    (block,) = answer.pop("content")
    assert (block["type"], len(block["text"].split())) == ("text", 7)
    assert answer.pop("id") == anthropic.record["answer_id"]
    assert answer == {
        "type": "message",
        "role": "assistant",
        "model": "tiny+tokens=7",
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 8,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 7,
            "service_tier": "standard",
        },
    }


async def test_a_stream_is_these_bytes(anthropic):
    raw = await anthropic.raw(
        "tiny+echo+cached=3+cache_write=2", messages=[{"role": "user", "content": "a b"}]
    )

    opening = (
        '{"type":"message_start","message":{"id":"ID","type":"message","role":"assistant",'
        '"model":"tiny+echo+cached=3+cache_write=2","content":[],'
        '"stop_reason":null,"stop_sequence":null,"stop_details":null,'
        '"usage":{"input_tokens":2,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,'
        '"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":0},'
        '"output_tokens":1,"service_tier":"standard"}}}'
    )
    closing = (
        '{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},'
        '"usage":{"input_tokens":2,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":2}}'
    )
    assert raw.decode() == (
        f"event: message_start\ndata: {opening.replace('ID', anthropic.record['answer_id'])}\n\n"
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n'
        'event: ping\ndata: {"type":"ping"}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"a"}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":" b"}}\n\n'
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        f"event: message_delta\ndata: {closing}\n\n"
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


async def test_the_record_tells_the_call_as_of_any_dialect(anthropic):
    await anthropic.raw("tiny+tokens=9+cached=4+reasoning=2", headers={"X-Request-Id": "r1"})

    record = anthropic.record
    assert (record["path"], record["request_id"]) == ("/v1/messages", "r1")
    assert (record["model"], record["stream"]) == ("tiny+tokens=9+cached=4+reasoning=2", True)
    assert (record["prompt_tokens"], record["cached"], record["reasoning"]) == (8, 4, 2)
    assert (record["completion_tokens"], record["tokens_sent"], record["how"]) == (11, 9, "done")
    assert record["usage"] == {
        "input_tokens": 4,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
        "output_tokens": 11,
        "output_tokens_details": {"thinking_tokens": 2},
    }


async def test_a_thought_comes_first_and_signed(anthropic):
    answer = await anthropic.ask("tiny+tokens=3+reasoning=5", thinking=THINKING)

    thought, text = answer["content"]
    assert len(thought["thinking"].split()) == 5
    assert thought["signature"] == sign("anthropic", thought["thinking"])
    assert text["type"] == "text"
    assert answer["usage"]["output_tokens"] == 8
    assert (anthropic.record["reasoning"], anthropic.record["tokens_sent"]) == (5, 8)


async def test_a_thought_is_streamed_in_a_block_of_its_own(anthropic):
    events = await anthropic.events("tiny+tokens=1+reasoning=2", thinking={"type": "adaptive"})

    thought = "".join(
        event["delta"].get("thinking", "") for event in events if "index" in event and "delta" in event
    )
    assert [event["type"] for event in events] == [
        "message_start",
        *("content_block_start", "ping", *["content_block_delta"] * 3, "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    assert events[1]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    assert events[5]["delta"] == {"type": "signature_delta", "signature": sign("anthropic", thought)}
    assert [event["index"] for event in events if "index" in event] == [0] * 5 + [1] * 3


async def test_a_thought_left_out_is_signed_all_the_same(anthropic):
    answer = await anthropic.ask(thinking={**THINKING, "display": "omitted"})

    assert answer["content"][0] == {"type": "thinking", "thinking": "", "signature": sign("anthropic", "")}
    assert answer["usage"]["output_tokens_details"] == {"thinking_tokens": 12}


async def test_reasoning_nobody_asked_to_see_is_only_counted(anthropic):
    answer = await anthropic.ask("tiny+tokens=3+reasoning=5")

    assert [block["type"] for block in answer["content"]] == ["text"]
    assert answer["usage"]["output_tokens"] == 8


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "weather"}])
async def test_a_tool_that_must_be_used_is_called(anthropic, choice):
    answer = await anthropic.ask(tools=TOOLS, tool_choice=choice)

    (block,) = answer["content"]
    assert block.pop("id").startswith("toolu_")
    assert block == {"type": "tool_use", "name": "weather", "input": {"city": "amber"}}
    assert answer["stop_reason"] == "tool_use"


async def test_calls_are_streamed_in_pieces_one_after_the_other(anthropic):
    events = await anthropic.events("tiny+calls=2+chunks=3", tools=TOOLS)

    begun = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    deltas = [(event["index"], event["delta"]) for event in events if event["type"] == "content_block_delta"]
    assert [(block["name"], block["input"]) for block in begun] == [("weather", {})] * 2
    assert begun[0]["id"] != begun[1]["id"]
    assert [delta["type"] for _, delta in deltas] == ["input_json_delta"] * 8
    for number in (0, 1):
        pieces = [delta["partial_json"] for index, delta in deltas if index == number]
        assert pieces[0] == ""
        assert json.loads("".join(pieces)) == {"city": "amber"}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


async def test_a_call_that_was_cut_has_no_input(anthropic):
    answer = await anthropic.ask(tools=TOOLS, tool_choice={"type": "any"}, max_tokens=1)

    assert answer["content"][0]["input"] == {}
    assert answer["stop_reason"] == "max_tokens"


async def test_json_of_a_schema_is_text(anthropic):
    answer = await anthropic.ask(output_config={"format": {"type": "json_schema", "schema": SCHEMA}})

    assert json.loads(answer["content"][0]["text"]) == {"city": "amber"}


async def test_the_limit_and_the_stop_sequences_are_told(anthropic):
    cut = await anthropic.ask("tiny+tokens=9", max_tokens=4)
    words = cut["content"][0]["text"].split()
    stopped = await anthropic.ask("tiny+tokens=9", max_tokens=4, stop_sequences=["never", words[2]])

    assert (cut["stop_reason"], cut["usage"]["output_tokens"]) == ("max_tokens", 4)
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", words[2])
    assert stopped["content"][0]["text"].split() == words[:2]


async def test_a_filtered_answer_ends_as_a_refusal(anthropic):
    answer = await anthropic.ask("tiny+filter")

    assert answer["stop_reason"] == "refusal"
    assert answer["stop_details"] == {"type": "refusal", "category": None, "explanation": None}


async def test_no_text_is_no_block(anthropic):
    answer = await anthropic.ask("tiny+tokens=0")
    events = await anthropic.events("tiny+tokens=0")

    assert answer["content"] == []
    assert [event["type"] for event in events] == ["message_start", "message_delta", "message_stop"]


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"x-api-key": ""}, 401, "authentication_error"),
        ({"x-api-key": "revoked"}, 401, "authentication_error"),
        ({"x-api-key": "", "Authorization": "Bearer revoked"}, 401, "authentication_error"),
        ({"anthropic-version": ""}, 400, "invalid_request_error"),
        ({"anthropic-version": "2024-01-01"}, 400, "invalid_request_error"),
    ],
)
async def test_a_caller_needs_a_key_and_a_version(anthropic, headers, status, kind):
    found, body = await anthropic.refused(headers=headers)

    assert (found, body["type"], body["error"]["type"]) == (status, "error", kind)
    assert set(body) == {"type", "error", "request_id"}
    assert anthropic.record["how"] == f"error:{status}"


async def test_a_key_may_come_as_a_bearer_token(anthropic):
    answer = await anthropic.ask(headers={"x-api-key": "", "Authorization": "Bearer any"})

    assert answer["type"] == "message"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, "invalid_request_error"), (403, "permission_error"), (404, "not_found_error")),
        *(
            (413, "request_too_large"),
            (429, "rate_limit_error"),
            (500, "api_error"),
            (529, "overloaded_error"),
        ),
    ],
)
async def test_an_error_has_the_type_of_its_status(anthropic, status, kind):
    found, body = await anthropic.refused(f"tiny+status={status}")

    assert (found, body["error"]["type"]) == (status, kind)


async def test_a_stream_can_end_in_an_error(anthropic):
    raw = await anthropic.raw("tiny+tokens=6+error_mid")

    event, data = raw.decode().split("\n\n")[-2].split("\n")
    assert event == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["type"] == "api_error"
    assert raw.count(b"text_delta") == anthropic.record["tokens_sent"] == 3
    assert anthropic.record["how"] == "cut"


async def test_a_cut_stream_has_told_the_usage_of_its_start(anthropic):
    async with anthropic.post("tiny+tokens=6+cut=2", stream=True) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    assert (anthropic.record["how"], anthropic.record["tokens_sent"]) == ("cut", 2)
    assert anthropic.record["usage"]["output_tokens"] == 1


async def test_no_usage_is_none_at_either_end(anthropic):
    events = await anthropic.events("tiny+usage=missing")

    assert "usage" not in events[0]["message"]
    assert "usage" not in events[-2]
    assert anthropic.record["usage"] is None


async def test_a_lie_is_told_at_both_ends(anthropic):
    events = await anthropic.events("tiny+tokens=7+usage=x10")

    assert events[0]["message"]["usage"]["input_tokens"] == 80
    assert events[0]["message"]["usage"]["service_tier"] == "standard"
    assert events[-2]["usage"]["output_tokens"] == 70
