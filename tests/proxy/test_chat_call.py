import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.chat_call import ChatCall

GOOD = {"model": "acme/tiny", "messages": [{"role": "user", "content": "Hello"}]}


def parse(**fields):
    return ChatCall.parse(json.dumps({**GOOD, **fields}).encode())


def test_a_plain_call_is_read():
    call = parse(max_tokens=30, n=2)

    assert (call.model, call.stream, call.max_tokens, call.choices) == ("acme/tiny", False, 30, 2)
    assert call.max_tokens_name == "max_tokens"
    assert not call.echo_upstream_body


def test_who_is_to_serve_is_read():
    call = parse(provider={"only": ["acme"]}, models=["acme/tiny", "acme/large"])

    assert call.preferences.only == ("acme",)
    assert call.models == ("acme/tiny", "acme/large")


@pytest.mark.parametrize(
    ("fields", "name", "most"),
    [
        ({}, None, None),
        ({"max_tokens": None}, None, None),
        ({"max_completion_tokens": 9}, "max_completion_tokens", 9),
        ({"max_completion_tokens": 9, "max_tokens": 9}, "max_completion_tokens", 9),
    ],
)
def test_either_name_bounds_the_output(fields, name, most):
    call = parse(**fields)

    assert (call.max_tokens_name, call.max_tokens) == (name, most)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "n"])
@pytest.mark.parametrize("value", [-1, 0, 1.5, 1e300, "many", "5", True, False, 10**19, [], {}, [5]])
def test_a_number_that_is_no_sensible_count_is_refused_by_name(name, value):
    with pytest.raises(BadRequest) as refused:
        parse(**{name: value})

    assert refused.value.param == name


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1" + b"0" * 30, b"-1e999"])
def test_a_number_that_is_none_is_refused(number):
    with pytest.raises(BadRequest):
        ChatCall.parse(
            b'{"model": "a/b", "messages": [{"role": "user", "content": "x"}], "max_tokens": ' + number + b"}"
        )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"), ({"model": ""}, "model"), ({"model": 5}, "model"), ({"model": "x" * 201}, "model"),
        ({"model": "a/b\x00"}, "model"), ({"model": "a/b\nX-Evil: 1"}, "model"),
        ({"messages": None}, "messages"), ({"messages": []}, "messages"), ({"messages": {}}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0].role"), ({"messages": [{}]}, "messages[0].role"),
        ({"messages": [{"role": 5}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": {"a": 1}}]}, "messages[0].content"),
        ({"stream": "yes"}, "stream"), ({"stream": 1}, "stream"), ({"stream": []}, "stream"),
        ({"stream_options": []}, "stream_options"), ({"stream_options": "x"}, "stream_options"),
        ({"service_tier": "priority"}, "service_tier"), ({"service_tier": []}, "service_tier"),
        ({"service_tier": {}}, "service_tier"), ({"service_tier": 7}, "service_tier"),
        ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
        ({"web_search_options": {}}, "web_search_options"), ({"enable_search": True}, "enable_search"),
        ({"search_parameters": {"mode": "on"}}, "search_parameters"), ({"web_search": {}}, "web_search"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "cache_control.ttl"),
        ({"tools": [{"type": "function", "cache_control": {"ttl": "1h"}}]}, "cache_control.ttl"),
        ({"messages": [{"role": "user", "content": [{"cache_control": {"ttl": 1}}]}]}, "cache_control.ttl"),
        ({"tools": {}}, "tools"), ({"tools": [5]}, "tools[0].type"), ({"tools": [{"type": []}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}, {"type": "web_search"}]}, "tools[1].type"),
        ({"modalities": "text"}, "modalities"), ({"modalities": [5]}, "modalities"),
        ({"debug": 5}, "debug"), ({"debug": {"echo_upstream_body": "yes"}}, "echo_upstream_body"),
        ({"models": "a/b"}, "models"), ({"provider": {"zdr": True}}, "provider.zdr"), ({"plugins": {}}, "plugins"),
        ({"best_of": 4}, "best_of"),
        ({"max_tokens": 100_000, "max_completion_tokens": 1}, "max_tokens"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(fields, param):
    with pytest.raises(BadRequest) as refused:
        parse(**fields)

    assert refused.value.param == param
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  \n", b"[]", b"null", b"5", b'"text"', b"{", b'{"model": "a/b",}', b"\xff\xfe", b'{"model": "\xff"}',
        b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 100_000, b'{"model": "a/b", "model": "c/d"}',
        b'{"model": "a/b", "messages": [{"role": "user", "role": "system"}]}',
        b'{"\\ud800": 1, "model": "a/b", "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "a/b", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "a/b", "messages": [{"role": "user", "content": "\x00"}]}',
        b"{'model': 'a/b'}", b'{"model": "a/b"} {"model": "c/d"}', b"\x1f\x8b\x08",
    ],
)  # fmt: skip
def test_a_body_that_is_no_chat_call_is_refused_with_a_sentence(body):
    with pytest.raises(BadRequest) as refused:
        ChatCall.parse(body)

    assert refused.value.message.endswith((".", "?"))
    assert len(refused.value.message) < 400


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    "model messages stream max_tokens max_completion_tokens n tools debug modalities service_tier stream_options "
    "tool_choice response_format stop provider x \ud800"
)
names = st.sampled_from(FIELDS.split())


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(names, anything, max_size=5), st.booleans())
def test_whatever_comes_is_read_or_refused(fields, from_good):
    body = json.dumps({**(GOOD if from_good else {}), **fields}).encode()

    try:
        answer = ChatCall.parse(body).model
    except BadRequest as refused:
        answer = refused.message

    assert 0 < len(answer) < 400


def test_a_longer_cache_is_found_however_it_is_written():
    body = json.dumps({**GOOD, "cache_control": {"ttl": "1h"}}).replace("ttl", "\\u0074tl").encode()

    with pytest.raises(BadRequest):
        ChatCall.parse(body)


def test_what_costs_nothing_more_is_let_through():
    cache = {"type": "ephemeral", "ttl": "5m"}

    assert parse(enable_search=False, cache_control=cache).model == "acme/tiny"


def test_a_media_type_on_a_message_does_not_hide_its_text():
    hidden = parse(messages=[{"role": "user", "type": "image_url", "content": "x" * 100_000}])
    file = parse(messages=[{"role": "user", "type": "file", "content": "x" * 100_000}])

    assert hidden.input_size(1_000_000).at_most >= 50_000
    assert file.input_size(None).at_most >= 50_000


def test_media_are_bounded_by_the_part_not_by_their_bytes():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    call = parse(messages=[{"role": "user", "content": [image, {"type": "text", "text": "What is this?"}]}])

    assert 16_384 < call.input_size(1_000_000).at_most < 16_600


@pytest.mark.parametrize(
    ("fields", "hides"),
    [
        ({"reasoning": {"exclude": True}}, True),
        ({"include_reasoning": False}, True),
        ({"reasoning": {"exclude": False}, "include_reasoning": True}, False),
        ({"reasoning": {"exclude": "yes"}, "include_reasoning": None}, False),
        ({"reasoning": "exclude"}, False),
        ({}, False),
    ],
)
def test_thoughts_are_shown_unless_they_are_excluded(fields, hides):
    assert parse(**fields).hides_thoughts is hides
