import json

import pytest

from core.errors import BadRequest
from core.rules.reserve import TOKENS_PER_IMAGE
from proxy.formats.responses.call import ResponsesCall

GOOD = {"model": "acme/tiny", "input": "Hello"}


def parse(**fields):
    return ResponsesCall.parse(json.dumps({**GOOD, **fields}).encode())


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


def test_a_plain_call_is_read():
    call = parse(stream=True, max_output_tokens=30, store=False, background=False, service_tier="auto")

    assert (call.model, call.stream, call.max_tokens, call.choices) == ("acme/tiny", True, 30, 1)
    assert bytes(call.fields["input"]) == b'"Hello"'
    assert not call.echo_upstream_body


def test_the_output_is_bounded_by_the_least_of_the_three():
    call = parse(max_output_tokens=30)

    assert call.output_bound(model_max=20, context=None, cap=100) == 20
    assert call.output_bound(model_max=None, context=50, cap=100) == 30


@pytest.mark.parametrize("value", [-1, 0, 1.5, 1e300, "many", "5", True, False, 10**19, [], {}])
def test_a_bound_that_is_no_sensible_count_is_refused(value):
    with pytest.raises(BadRequest) as refused:
        parse(max_output_tokens=value)

    assert refused.value.param == "max_output_tokens"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"), ({"model": 5}, "model"), ({"model": "a/b\n"}, "model"),
        ({"input": None}, "input"), ({"input": ""}, "input"), ({"input": []}, "input"), ({"input": {}}, "input"),
        ({"input": 5}, "input"), ({"stream": "yes"}, "stream"), ({"debug": 5}, "debug"),
        ({"store": True}, "store"), ({"store": "yes"}, "store"), ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"), ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"), ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"prompt": {"id": "pmpt_1"}, "input": None}, "prompt"),
        ({"service_tier": "flex"}, "service_tier"), ({"service_tier": 7}, "service_tier"),
        ({"tools": {}}, "tools"), ({"tools": [5]}, "tools[0].type"), ({"tools": [{"type": []}]}, "tools[0].type"),
        ({"models": "a/b"}, "models"), ({"provider": {"odd": 1}}, "provider.odd"), ({"plugins": {}}, "plugins"),
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
        "web_search", "web_search_preview", "file_search", "computer_use_preview", "code_interpreter", "mcp",
        "image_generation", "local_shell", "shell", "tool_search", "x" * 5000,
    ],
)  # fmt: skip
def test_what_a_provider_runs_is_refused_by_name(kind):
    with pytest.raises(BadRequest) as refused:
        parse(tools=[{"type": "function", "name": "look"}, {"type": kind}])

    assert refused.value.param == "tools[1].type"
    assert kind[:60] in refused.value.message
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  \n", b"[]", b"null", b'"text"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000,
        b'{"model": "a/b", "model": "c/d"}', b'{"model": "a/b", "input": "\\ud800"}', b'{"model": "a/b", "input": "\x00"}',
        b'{"model": "a/b", "input": "x", "max_output_tokens": 1e400}', b'{"model": "a/b", "input": "x"} {}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_call_is_refused_with_a_sentence(body):
    with pytest.raises(BadRequest) as refused:
        ResponsesCall.parse(body)

    assert refused.value.message.endswith((".", "?"))
    assert len(refused.value.message) < 400


def test_text_counts_wherever_it_stands():
    plain = parse(input="x" * 1000).input_size(None)
    listed = parse(input=user({"type": "input_text", "text": "x" * 1000})).input_size(None)
    told = parse(instructions="x" * 1000).input_size(None)
    tool = parse(tools=[{"type": "function", "name": "x" * 1000}]).input_size(None)

    assert min(size.at_most for size in (plain, listed, told, tool)) >= 500
    assert plain.at_most < 530


def test_a_picture_is_bounded_by_the_part_and_not_by_its_bytes():
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 1_000_000}
    result = {"type": "function_call_output", "call_id": "c", "output": [picture]}

    size = parse(input=[*user(picture), result]).input_size(None)

    assert size.is_bounded
    assert 2 * TOKENS_PER_IMAGE < size.at_most < 2 * TOKENS_PER_IMAGE + 500


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_file", "file_url": "https://x.test/a.pdf"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE"},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
    ],
)
def test_a_file_or_a_recording_is_bounded_by_the_context_alone(part):
    call = parse(input=user(part))

    assert not call.input_size(None).is_bounded
    assert call.input_size(128_000).at_most == 128_000
