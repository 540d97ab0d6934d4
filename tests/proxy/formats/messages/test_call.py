import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.formats.messages.call import PRICED, MessagesCall
from tests.proxy.formats.messages.requests import FULL, GOOD, PICTURE, PLACES, anything, body, spoiled


def parse(**fields):
    return MessagesCall.parse(body(**fields))


def said(*blocks):
    return [{"role": "user", "content": list(blocks)}]


def test_a_plain_call_is_read():
    call = parse()

    assert (call.model, call.stream, call.choices) == ("acme/tiny", False, 1)
    assert (call.max_tokens, call.max_tokens_name) == (30, None)
    assert not call.echo_upstream_body
    assert bytes(call.fields["messages"]) == json.dumps(GOOD["messages"]).encode()


def test_a_call_of_everything_is_read():
    call = MessagesCall.parse(json.dumps(FULL).encode())

    assert call.stream
    assert call.echo_upstream_body


def test_system_and_tools_are_part_of_the_input():
    plain = parse().input_size(None).at_most

    assert parse(system="x" * 1000).input_size(None).at_most == plain + 501
    assert parse(tools=[{"name": "x" * 1000, "input_schema": {}}]).input_size(None).at_most > plain + 500


def test_an_image_is_bounded_by_the_part_and_a_file_only_by_the_context():
    image = parse(messages=said({"type": "image", "source": {**PICTURE, "data": "A" * 10**6}}))
    file = parse(messages=said({"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}}))

    assert 16_384 < image.input_size(None).at_most < 16_600
    assert image.input_size(None).is_bounded
    assert not file.input_size(None).is_bounded
    assert file.input_size(100_000).at_most == 100_000


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"), ({"model": "a/b\x00"}, "model"),
        ({"max_tokens": None}, "max_tokens"), ({"max_tokens": 0}, "max_tokens"), ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"), ({"max_tokens": 10_000_001}, "max_tokens"),
        ({"messages": None}, "messages"), ({"messages": []}, "messages"), ({"messages": {}}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"), ({"messages": [{}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": said("Hello")}, "messages[0].content[0]"),
        ({"messages": said({"text": "x"})}, "messages[0].content[0].type"),
        ({"messages": said({"type": 5})}, "messages[0].content[0].type"),
        ({"system": 5}, "system"), ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"system": [{"type": "text", "text": 5}]}, "system[0].text"),
        ({"stream": "yes"}, "stream"), ({"debug": 5}, "debug"),
        ({"stop_sequences": "END"}, "stop_sequences"), ({"stop_sequences": [""]}, "stop_sequences[0]"),
        ({"temperature": 1.1}, "temperature"), ({"temperature": True}, "temperature"), ({"top_p": -1}, "top_p"),
        ({"top_k": 1.5}, "top_k"), ({"top_k": -1}, "top_k"),
        ({"metadata": "me"}, "metadata"), ({"thinking": "much"}, "thinking"), ({"thinking": {}}, "thinking.type"),
        ({"tool_choice": "auto"}, "tool_choice"), ({"output_config": []}, "output_config"),
        ({"output_format": {}}, "output_format.type"),
        ({"tools": {}}, "tools"), ({"tools": [5]}, "tools[0]"), ({"tools": [{"type": []}]}, "tools[0].type"),
        ({"service_tier": "priority"}, "service_tier"), ({"service_tier": {}}, "service_tier"),
        ({"speed": "fast"}, "speed"), ({"inference_geo": "us"}, "inference_geo"),
        ({"container": "c_1"}, "container"), ({"mcp_servers": []}, "mcp_servers"),
        ({"context_management": {}}, "context_management"), ({"fallbacks": []}, "fallbacks"),
        ({"thread": {"type": "create"}}, "thread"), ({"billing_policy": {}}, "billing_policy"),
        ({"workspace_id": "w"}, "workspace_id"),
        ({"models": "a/b"}, "models"), ({"provider": []}, "provider"), ({"plugins": {}}, "plugins"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "cache_control.ttl"),
        ({"system": [{"type": "text", "text": "x", "cache_control": {"ttl": "1h"}}]}, "cache_control.ttl"),
        ({"messages": said({"type": "text", "cache_control": {"ttl": 1}})}, "cache_control.ttl"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(fields, param):
    with pytest.raises(BadRequest) as refused:
        parse(**fields)

    assert refused.value.param == param
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    "kind",
    [
        "web_search_20250305", "web_fetch_20250910", "code_execution_20250825", "mcp_toolset",
        "tool_search_tool_regex_20251119", "advisor_20260301", "bash", "bash_20250124x", "function", "",
    ],
)  # fmt: skip
def test_a_tool_that_a_provider_runs_is_refused_by_name(kind):
    with pytest.raises(BadRequest) as refused:
        parse(tools=[{"name": "a", "input_schema": {}}, {"type": kind, "name": "b"}])

    assert refused.value.param == "tools[1].type"


@pytest.mark.parametrize(
    "kind",
    [
        None, "custom", "bash_20250124", "text_editor_20250728", "memory_20250818", "computer_20251124",
        "computer_toolset_20260801", "browser_toolset_20260801",
    ],
)  # fmt: skip
def test_a_tool_that_the_client_runs_costs_nothing_more(kind):
    assert parse(tools=[{"type": kind}]).model == "acme/tiny"


def test_a_client_may_steer_where_its_call_goes():
    call = parse(models=["acme/other"], provider={"allow_fallbacks": False})

    assert call.models == ("acme/tiny", "acme/other")
    assert not call.preferences.allow_fallbacks


def test_what_costs_nothing_more_is_let_through():
    for name, plain in PRICED.items():
        for value in (None, *plain):
            assert parse(**{name: value}).model == "acme/tiny"


def test_what_only_a_provider_of_the_format_knows_is_let_through():
    call = parse(
        messages=[{"role": "system", "content": "Now."}, *said({"type": "search_result", "source": "x"})],
        thinking={"type": "later", "much": 5},
        new_field=1,
    )

    assert bytes(call.fields["new_field"]) == b"1"


@pytest.mark.parametrize(
    "given",
    [
        b"", b"[]", b"null", b"{", b'{"model": "a/b", "model": "c/d"}', b"\xff", b"[" * 100_000,
        b'{"model": "a/b", "max_tokens": NaN}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_call_is_refused_with_a_sentence(given):
    with pytest.raises(BadRequest) as refused:
        MessagesCall.parse(given)

    assert refused.value.message.endswith((".", "?"))


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(PLACES), anything)
def test_whatever_comes_is_read_or_refused(path, value):
    given = json.dumps(spoiled(FULL, path, value)).encode()

    try:
        answer = MessagesCall.parse(given).model
    except BadRequest as refused:
        answer = refused.message

    assert 0 < len(answer) < 400
