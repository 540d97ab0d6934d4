import json
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.conversation import Ask, Inexpressible, Reasoning, Shape, Text, Tool, ToolChoice, Turn
from proxy.formats.responses.ask import read_ask
from proxy.formats.responses.call import ResponsesCall
from tests.proxy.test_chat_call import anything

GOOD = {"model": "acme/tiny", "input": "Hello"}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def read(**fields):
    return read_ask({**GOOD, **fields}, max_tokens=100)


def test_a_plain_request_says_what_it_says_and_nothing_else():
    assert read() == Ask(turns=(Turn("user", (Text("Hello"),)),), max_tokens=100)


def test_every_field_has_its_place():
    ask = read(
        input=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        instructions="Be kind.",
        tools=[{"type": "function", "name": "look", "parameters": {}}],
        tool_choice="required",
        parallel_tool_calls=False,
        text={"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}, "verbosity": "medium"},
        temperature=1,
        top_p=0.5,
        reasoning={"effort": "low", "summary": "auto"},
        safety_identifier="u-1",
    )  # fmt: skip

    assert ask == Ask(
        system=(Text("Be kind."), Text("Be brief.")),
        turns=(Turn("user", (Text("Hello"),)),),
        tools=(Tool("look", schema=msgspec.Raw(b"{}")),),
        tool_choice=ToolChoice("any"),
        parallel_tools=False,
        shape=Shape(msgspec.Raw(json.dumps(SCHEMA, separators=(",", ":")).encode()), "n", strict=True),
        max_tokens=100,
        temperature=1.0,
        top_p=0.5,
        reasoning=Reasoning("low"),
        user="u-1",
    )


def test_fields_as_the_call_keeps_them_are_read_too():
    body = json.dumps({**GOOD, "instructions": "Be kind.", "temperature": 0.5}, indent=2).encode()

    ask = read_ask(ResponsesCall.parse(body).fields, max_tokens=100)

    assert ask == read(instructions="Be kind.", temperature=0.5)


def test_what_speaks_to_us_or_asks_for_what_is_done_anyway_is_let_through():
    ask = read(
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        max_output_tokens=100,
        store=False,
        background=False,
        service_tier="auto",
        metadata={"case": "7"},
        debug={"echo_upstream_body": True},
        truncation="disabled",
        top_logprobs=0,
        include=["reasoning.encrypted_content"],
        prompt_cache_key="k",
        prompt_cache_retention="in_memory",
        previous_response_id=None,
        tools=[],
        reasoning={"summary": "detailed"},
        text={"format": {"type": "text"}},
    )

    assert ask == read()


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ({"type": "text"}, None), ({"type": "json_object"}, Shape()),
        (
            {"type": "json_schema", "name": "n", "schema": {}, "description": "A number."},
            Shape(msgspec.Raw(b"{}"), "n", "A number."),
        ),
    ],
)  # fmt: skip
def test_the_form_of_the_answer_is_read(form, shape):
    assert read(text={"format": form}).shape == shape


@pytest.mark.parametrize(
    ("wanted", "reasoning"),
    [
        ({}, None), ({"effort": None}, None), ({"effort": "none"}, Reasoning(is_off=True)),
        ({"effort": "minimal"}, Reasoning("minimal")), ({"effort": "max"}, Reasoning("max")),
        ({"effort": "high", "summary": None}, Reasoning("high")),
    ],
)  # fmt: skip
def test_how_much_is_to_be_thought_is_read(wanted, reasoning):
    assert read(reasoning=wanted).reasoning == reasoning


def test_a_user_has_an_older_name_and_a_newer():
    assert read(user="u-1").user == read(user="u-1", safety_identifier="u-1").user == "u-1"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"), ({"input": 5}, "input"), ({"input": []}, "input"), ({"input": [5]}, "input[0]"),
        ({"input": [{"role": "system", "content": "x"}]}, "input"), ({"instructions": ["x"]}, "instructions"),
        ({"temperature": "hot"}, "temperature"), ({"temperature": 3}, "temperature"), ({"top_p": 1.5}, "top_p"),
        ({"temperature": math.nan}, "temperature"), ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
        ({"text": "json"}, "text"), ({"text": {"format": "json"}}, "text.format"),
        ({"text": {"format": {}}}, "text.format.type"), ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"text": {"verbosity": "endless"}}, "text.verbosity"), ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": 5}}, "reasoning.effort"),
        ({"reasoning": {"effort": "endless"}}, "reasoning.effort"),
        ({"prompt_cache_retention": "24h"}, "prompt_cache_retention"), ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
        ({"truncation": "half"}, "truncation"), ({"include": "all"}, "include"), ({"user": 5}, "user"),
        ({"user": "a", "safety_identifier": "b"}, "user"), ({"metadata": []}, "metadata"),
        ({"stream_options": []}, "stream_options"), ({"top_logprobs": "many"}, "top_logprobs"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_refused_by_name(fields, param):
    with pytest.raises(BadRequest) as refused:
        read(**fields)

    assert refused.value.param == param
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"truncation": "auto"}, "truncation"), ({"top_logprobs": 2}, "top_logprobs"),
        ({"include": ["reasoning.encrypted_content", "file_search_call.results"]}, "include[1]"),
        ({"include": [5]}, "include[0]"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"), ({"text": {"colour": "red"}}, "text.colour"),
        ({"text": {"format": {"type": "text", "name": "n"}}}, "text.format.name"),
        ({"reasoning": {"summary": "concise"}}, "reasoning.summary"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"prompt_cache_options": {"mode": "implicit"}}, "prompt_cache_options"),
        ({"max_tool_calls": 3}, "max_tool_calls"), ({"seed": 3}, "seed"), ({"messages": []}, "messages"),
        ({"web_search_options": {}}, "web_search_options"), ({"previous_response_id": "r"}, "previous_response_id"),
    ],
)  # fmt: skip
def test_a_field_that_has_no_place_elsewhere_is_refused_by_name(fields, param):
    with pytest.raises(Inexpressible) as refused:
        read(**fields)

    assert refused.value.param == param
    assert len(str(refused.value)) < 400


FIELDS = (
    "model input instructions max_output_tokens stream tools store truncation include service_tier metadata text "
    "tool_choice reasoning temperature top_p user top_logprobs stream_options previous_response_id background x"
)
INSIDE = (
    "type role content id status text name arguments call_id output summary encrypted_content image_url detail "
    "file_data file_url input_audio data format schema effort verbosity mode parameters strict refusal cache_control ttl"
)
WORDS = (
    "message function_call function_call_output reasoning item_reference user assistant system input_text output_text "
    "input_image input_file input_audio refusal summary_text function auto none required json_schema json_object low "
    "medium https://x.test/y data:image/png;base64,QUJD {} wav completed"
)
words = st.sampled_from(WORDS.split())
likely = st.recursive(
    words | anything,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INSIDE.split()), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=600, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS.split()), likely, max_size=5), st.booleans())
def test_whatever_comes_is_read_or_refused(fields, from_good):
    body = json.dumps({**(GOOD if from_good else {}), **fields}).encode()

    try:
        answer = read_ask(ResponsesCall.parse(body).fields, max_tokens=10).turns
    except BadRequest as refused:
        answer = refused.message
    except Inexpressible as refused:
        answer = str(refused)

    assert len(answer) > 0
    assert not isinstance(answer, str) or len(answer) < 400
