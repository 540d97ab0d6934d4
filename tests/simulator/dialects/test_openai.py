import json

import pytest

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]


async def test_a_plain_answer_has_the_shape_of_a_chat_completion(caller):
    answer = await caller.ask("tiny+tokens=7")

    assert answer["object"] == "chat.completion"
    assert answer["id"].startswith("chatcmpl-")
    assert answer["model"] == "tiny+tokens=7"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert len(answer["choices"][0]["message"]["content"].split()) == 7
    assert answer["usage"] == {
        "prompt_tokens": 8,
        "completion_tokens": 7,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


async def test_a_stream_opens_with_the_role_and_ends_with_the_reason(caller):
    events = await caller.events("tiny+tokens=6+chunks=3")

    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert [list(delta) for delta in deltas[1:-1]] == [["content"]] * 3
    assert deltas[-1] == {}
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * 4 + ["stop"]
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({event["id"] for event in events}) == 1


async def test_a_stream_says_the_same_as_the_plain_answer(caller):
    plain = await caller.ask()
    events = await caller.events()

    streamed = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert streamed == plain["choices"][0]["message"]["content"]


async def test_a_stream_has_no_usage_unless_asked(caller):
    events = await caller.events()

    assert not any("usage" in event for event in events)
    assert all(event["choices"] for event in events)


async def test_usage_asked_for_comes_last_with_no_choices_and_null_before(caller):
    events = await caller.events("tiny+tokens=3", stream_options={"include_usage": True})

    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] == 3
    assert all(event["usage"] is None for event in events[:-1])


async def test_parallel_choices_differ_and_are_all_counted(caller):
    answer = await caller.ask("tiny+tokens=5", n=8)

    contents = [choice["message"]["content"] for choice in answer["choices"]]
    assert [choice["index"] for choice in answer["choices"]] == list(range(8))
    assert len(set(contents)) == 8
    assert answer["usage"]["completion_tokens"] == 40


async def test_parallel_choices_are_streamed_in_turn(caller):
    events = await caller.events("tiny+tokens=2", n=2)

    indexes = [event["choices"][0]["index"] for event in events]
    assert indexes == [0, 1, 0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
async def test_a_tool_that_must_be_used_is_called(caller, choice):
    answer = await caller.ask(tools=TOOLS, tool_choice=choice)

    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    call = answer["choices"][0]["message"]["tool_calls"][0]
    assert call["type"] == "function"
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "amber"}


async def test_a_tool_call_is_streamed_in_pieces(caller):
    events = await caller.events("tiny+chunks=4", tools=TOOLS, tool_choice="required")

    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0]["tool_calls"][0]["function"] == {"name": "weather", "arguments": ""}
    pieces = [delta["tool_calls"][0]["function"]["arguments"] for delta in deltas[1:-1]]
    assert len(pieces) == 4
    assert json.loads("".join(pieces)) == {"city": "amber"}
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_several_calls_have_their_own_number_and_id(caller):
    answer = await caller.ask("tiny+calls=2", tools=TOOLS)

    calls = answer["choices"][0]["message"]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"city": "amber"}] * 2
    assert calls[0]["id"] != calls[1]["id"]
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


async def test_several_calls_are_streamed_one_after_the_other(caller):
    events = await caller.events("tiny+calls=2+chunks=2", tools=TOOLS)

    deltas = [event["choices"][0]["delta"].get("tool_calls", [{}])[0] for event in events]
    assert [delta.get("index") for delta in deltas] == [0, 0, 0, 1, 1, 1, None]
    assert [delta.get("function", {}).get("name") for delta in deltas[:6]] == ["weather", None, None] * 2
    assert deltas[0]["id"] != deltas[3]["id"]


async def test_a_limit_used_up_by_reasoning_leaves_no_call(caller):
    asked = {"tools": TOOLS, "tool_choice": "required", "max_tokens": 5}

    answer = await caller.ask("tiny+reasoning=5", **asked)
    events = await caller.events("tiny+reasoning=5", **asked)

    assert answer["choices"][0]["message"]["content"] is None
    assert "tool_calls" not in answer["choices"][0]["message"]
    assert [event["choices"][0]["finish_reason"] for event in events] == [None, "length"]


@pytest.mark.parametrize("tools", [None, "x", [5], [{"type": "function"}]])
async def test_a_call_cannot_be_had_without_a_tool(caller, tools):
    answer = await caller.ask("tiny+calls=2", tools=tools)

    assert answer["choices"][0]["message"]["content"]


async def test_a_filtered_answer_says_so(caller):
    assert (await caller.ask("tiny+filter"))["choices"][0]["finish_reason"] == "content_filter"


async def test_a_stream_can_end_in_an_error(caller):
    raw = await caller.raw("tiny+tokens=6+error_mid", stream_options={"include_usage": True})

    last = json.loads(raw.decode().split("\n\n")[-2].removeprefix("data: "))
    assert last["error"]["type"] == "server_error"
    assert b"[DONE]" not in raw
    record = caller.records[-1]
    assert (record["how"], record["tokens_sent"], record["fault"]) == ("cut", 3, "error_mid")
    assert record["usage"] is None


@pytest.mark.parametrize("choice", [None, "auto", "none"])
async def test_tools_that_may_be_left_alone_are(caller, choice):
    answer = await caller.ask(tools=TOOLS, tool_choice=choice)

    assert "tool_calls" not in answer["choices"][0]["message"]


async def test_cache_and_reasoning_are_reported_where_openai_does(caller):
    answer = await caller.ask("tiny+prompt=100+cached=60+cache_write=7+reasoning=30+tokens=5")

    assert answer["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 35,
        "total_tokens": 135,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }


async def test_an_unpaired_surrogate_is_echoed_as_valid_utf8(caller):
    answer = await caller.ask("tiny+echo", text="odd \ud800 letter")

    assert answer["choices"][0]["message"]["content"] == "odd ? letter"


async def test_json_on_the_wire_has_no_spaces_between_its_parts(caller):
    raw = await caller.raw("tiny+tokens=2")

    assert b'"choices":[{"index":0,"delta":{"content":"' in raw
    assert raw.endswith(b"}\n\ndata: [DONE]\n\n")
