import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.chat_call import ChatCall
from proxy.conversation import Inexpressible, Reasoning, Shape, Text, Tool, ToolChoice, Turn
from proxy.formats.chat import Chat
from proxy.providers.openai import OpenAI


def ask_of(**fields):
    """A request as the proxy reads it, with one message where it has none of its own."""
    body = {"model": "a/b", "messages": [{"role": "user", "content": "hi"}], **fields}
    return Chat().ask(ChatCall.parse(json.dumps(body).encode()).fields, max_tokens=100)


def function(name="f", **more):
    return {"type": "function", "function": {"name": name, **more}}


def test_what_a_client_does_not_say_is_left_to_the_provider():
    ask = ask_of()

    assert ask.turns == (Turn("user", (Text("hi"),)),)
    assert ask.max_tokens == 100
    assert (ask.temperature, ask.stop, ask.tools, ask.shape, ask.reasoning) == (None, (), (), None, None)


def test_fields_may_be_decoded_already():
    ask = Chat().ask(
        {"messages": [{"role": "user", "content": "hi"}], "tools": [function(parameters={"a": 1})]},
        max_tokens=5,
    )

    assert ask.turns == (Turn("user", (Text("hi"),)),)
    assert bytes(ask.tools[0].schema) == b'{"a":1}'


def test_how_it_is_sampled_is_taken_over():
    ask = ask_of(
        temperature=0.5, top_p=0.9, top_k=40, min_p=0.05, seed=-7, frequency_penalty=1, presence_penalty=-1.5,
        stop=["a", "b"], user="u", parallel_tool_calls=False,
    )  # fmt: skip

    assert (ask.temperature, ask.top_p, ask.top_k, ask.min_p, ask.seed) == (0.5, 0.9, 40, 0.05, -7)
    assert (ask.frequency_penalty, ask.presence_penalty) == (1, -1.5)
    assert (ask.stop, ask.user, ask.parallel_tools) == (("a", "b"), "u", False)


def test_one_stop_is_a_list_of_one_and_the_newer_name_of_a_user_is_a_user():
    ask = ask_of(stop="end", safety_identifier="s")

    assert (ask.stop, ask.user) == (("end",), "s")


def test_tools_keep_their_schema_as_it_was_written():
    body = (
        b'{"model": "a/b", "messages": [{"role": "user", "content": "hi"}], "tools": [{"type": "function", '
        b'"function": {"name": "f", "description": "d", "strict": true, "parameters": {"b" : 1.50, "a": 0}}, '
        b'"cache_control": {"type": "ephemeral"}}]}'
    )

    ask = Chat().ask(ChatCall.parse(body).fields, max_tokens=1)

    schema = msgspec.Raw(b'{"b" : 1.50, "a": 0}')
    assert ask.tools == (Tool("f", description="d", schema=schema, strict=True, cache=True),)


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        (function("f"), ToolChoice("one", "f")),
        (None, None),
    ],
)
def test_the_choice_of_a_tool_is_one_of_four(said, choice):
    assert ask_of(tools=[function()], tool_choice=said).tool_choice == choice


def test_the_form_of_an_answer_may_be_free_any_object_or_one_of_a_schema():
    described = {"name": "n", "description": "d", "strict": True, "schema": {"type": "object"}}

    assert ask_of(response_format={"type": "text"}).shape is None
    assert ask_of(response_format={"type": "json_object"}).shape == Shape()
    assert ask_of(response_format={"type": "json_schema", "json_schema": described}).shape == Shape(
        schema=msgspec.Raw(b'{"type": "object"}'), name="n", description="d", strict=True
    )


@pytest.mark.parametrize(
    ("said", "reasoning"),
    [
        ({"reasoning_effort": "low"}, Reasoning(effort="low")),
        ({"reasoning_effort": "none"}, Reasoning(is_off=True)),
        ({"reasoning": {"effort": "xhigh"}}, Reasoning(effort="xhigh")),
        ({"reasoning": {"max_tokens": 2000, "exclude": False}}, Reasoning(tokens=2000)),
        ({"reasoning": {"effort": "low", "exclude": True}}, Reasoning(effort="low")),
        ({"reasoning": {"exclude": True}, "include_reasoning": False}, None),
        ({"reasoning": {"enabled": False}}, Reasoning(is_off=True)),
        ({"reasoning": {"enabled": True}}, Reasoning(effort="medium")),
        ({"reasoning": {"enabled": True, "effort": "high"}}, Reasoning(effort="high")),
        ({"reasoning": {"effort": "high"}, "reasoning_effort": "high"}, Reasoning(effort="high")),
        ({"reasoning": {}}, None),
    ],
)
def test_reasoning_is_asked_for_in_two_ways(said, reasoning):
    assert ask_of(**said).reasoning == reasoning


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning": {"effort": "high", "max_tokens": 5}},
        {"reasoning": {"effort": "high"}, "reasoning_effort": "low"},
        {"reasoning": {"enabled": True, "effort": "none"}},
        {"reasoning": {"enabled": False, "max_tokens": 5}},
    ],
)
def test_reasoning_that_contradicts_itself_is_refused(said):
    with pytest.raises(BadRequest) as refused:
        ask_of(**said)

    assert refused.value.param == "reasoning"


def test_what_speaks_to_us_or_says_only_what_holds_anyway_is_passed_over():
    plain = ask_of()

    ask = ask_of(
        stream=True, stream_options={"include_usage": True}, debug={"echo_upstream_body": True}, metadata={"a": "b"},
        store=False, n=1, logprobs=False, top_logprobs=None, logit_bias={}, modalities=["text"], service_tier="auto",
        prompt_cache_key="k", usage={"include": True}, web_search=False, max_completion_tokens=9, functions=[],
        unknown=None,
    )  # fmt: skip

    assert ask == plain


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"store": True}, "store"),
        ({"verbosity": "low"}, "verbosity"),
        ({"include_reasoning": "no"}, "include_reasoning"),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, "reasoning.summary"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"repetition_penalty": 1.1}, "repetition_penalty"),
        ({"never_heard_of": 0}, "never_heard_of"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [function(), function("g", strange=1)]}, "tools[1].function.strange"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        ({"response_format": {"type": "grammar", "grammar": "x"}}, "response_format.type"),
    ],
)
def test_a_field_without_a_place_is_refused_by_name(fields, param):
    with pytest.raises(Inexpressible) as refused:
        ask_of(**fields)

    assert refused.value.param == param
    assert str(refused.value).startswith(param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"top_k": 1.5}, "top_k"),
        ({"seed": 1 << 64}, "seed"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 1]}, "stop"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"user": 5}, "user"),
        ({"parallel_tool_calls": "yes"}, "parallel_tool_calls"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"max_tokens": 0}}, "reasoning.max_tokens"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [function(name="")]}, "tools[0].function.name"),
        ({"tools": [function(parameters="x")]}, "tools[0].function.parameters"),
        ({"tools": [function(strict=1)]}, "tools[0].function.strict"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}, "response_format.json_schema.schema"),
    ],
)  # fmt: skip
def test_a_malformed_field_is_named(fields, param):
    with pytest.raises(BadRequest) as refused:
        ask_of(**fields)

    assert refused.value.param == param


odd = st.sampled_from([None, 5, -1.5, True, "", "x", [], {}, [5], [None], {"a": None}, {"type": "x"}])


def some(**fields):
    """An object with any of these fields, each as it should be or odd."""
    return st.fixed_dictionaries({}, optional={name: value | odd for name, value in fields.items()})


cached = some(type=st.just("ephemeral"))
part = some(
    type=st.sampled_from(["text", "refusal", "image_url", "file", "input_audio"]), text=st.just("a"), refusal=st.just("a"),
    image_url=some(url=st.just("https://a/b"), detail=st.just("low")), cache_control=cached,
    file=some(file_data=st.just("data:a/b;base64,QUJD"), filename=st.just("a")),
    input_audio=some(data=st.just("QUJD"), format=st.just("wav")),
)  # fmt: skip
called = some(name=st.just("f"), arguments=st.just("{}"))
message = st.builds(
    lambda role, content, more: {"role": role, "content": content, **more},
    st.sampled_from(["system", "user", "assistant", "tool", "x"]),
    st.none() | st.just("a") | st.lists(part | odd, max_size=2),
    some(
        tool_calls=st.lists(some(id=st.just("c"), type=st.just("function"), function=called), max_size=2),
        tool_call_id=st.just("c"), reasoning_content=st.just("hm"),
        reasoning_details=st.lists(some(type=st.just("reasoning.text"), text=st.just("a"), index=st.just(0)), max_size=2),
    ),
)  # fmt: skip
described = some(name=st.just("f"), parameters=st.just({"a": 1}), strict=st.booleans())
more_fields = some(
    temperature=st.just(1), stop=st.just("a"), tool_choice=st.just("auto"), n=st.just(1), logprobs=st.just(False),
    tools=st.lists(st.builds(lambda f: {"type": "function", "function": f}, described | odd), max_size=2),
    response_format=some(type=st.just("json_schema"), json_schema=some(name=st.just("n"), schema=st.just({"a": 1}))),
    reasoning=some(effort=st.just("low"), max_tokens=st.just(5), enabled=st.booleans()), unknown=odd,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(message, min_size=1, max_size=3), more_fields)
def test_whatever_comes_is_a_conversation_or_refused_by_name(messages, more):
    try:
        made = json.loads(OpenAI().request_body(ask_of(messages=messages, **more), model="m", stream=False))
    except (BadRequest, Inexpressible) as error:
        made = {"refused": error.param}

    assert made.get("messages") or made.get("refused")
