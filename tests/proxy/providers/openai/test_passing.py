import json

import msgspec
import pytest

from proxy.providers import openai
from proxy.sse import MalformedStream

raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def chunk(**delta):
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}).encode()


def test_the_body_is_passed_on_byte_for_byte_under_the_providers_model_name():
    body = b'{ "model": "a/b", "messages": [ {"role":"user" , "content": "\\u00e9 \\ud83c\\udf89"} ], "temperature": 1.50, "seed": 12345678901234567890, "x": {"b":1, "a":2} }'

    sent = openai.request_body(raw_fields(body), model="theirs", stream=False, max_tokens=None)

    assert b'[ {"role":"user" , "content": "\\u00e9 \\ud83c\\udf89"} ]' in sent
    assert b"1.50" in sent
    assert b"12345678901234567890" in sent
    assert b'{"b":1, "a":2}' in sent
    assert json.loads(sent)["model"] == "theirs"


def test_usage_is_asked_for_whatever_the_client_wants_of_a_stream():
    fields = raw_fields(b'{"stream": true, "stream_options": {"include_usage": false, "other": 1}}')

    sent = json.loads(openai.request_body(fields, model="m", stream=True, max_tokens=("max_tokens", 7)))

    assert sent["stream_options"] == {"include_usage": True, "other": 1}
    assert sent["max_tokens"] == 7


def test_a_bound_of_ours_takes_the_place_of_both_names():
    fields = raw_fields(b'{"max_tokens": 900, "max_completion_tokens": 900}')

    sent = json.loads(
        openai.request_body(fields, model="m", stream=False, max_tokens=("max_completion_tokens", 7))
    )

    assert sent == {"model": "m", "max_completion_tokens": 7}


def test_what_speaks_to_us_is_not_sent():
    body = b'{"debug": {"a": 1}, "provider": {"only": ["x"]}, "models": ["a/b"]}'

    sent = openai.request_body(raw_fields(body), model="m", stream=False, max_tokens=None)

    assert json.loads(sent) == {"model": "m"}


@pytest.mark.parametrize(
    ("delta", "size"),
    [
        ({"role": "assistant", "content": ""}, 0),
        ({"content": "abc"}, 3),
        ({"content": "漢"}, 3),
        ({"reasoning_content": "think"}, 5),
        ({"reasoning": "think", "reasoning_content": "think"}, 5),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}]}, 2),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}, 5]}, 2),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz"}]}, 3),
        ({"reasoning_details": "hm"}, 1),
        ({"refusal": "no"}, 2),
        ({"function_call": {"name": "f", "arguments": '{"a":'}}, 6),
        ({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"a":'}}]}, 6),
        ({"tool_calls": [{"index": 0}]}, 0),
        ({"tool_calls": [{"index": 0, "type": "custom", "custom": {"name": "f", "input": "abcd"}}]}, 5),
        ({"content": None, "unknown": {"x": [1]}}, 0),
        ({"content": None, "unknown": {"x": ["y"]}}, 1),
        ({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://x.y"}}]}, 1),
        ({"audio": {"id": "audio_1", "data": "A" * 6400}}, 8),
        ({"audio": {"id": "audio_1", "transcript": "abcd"}}, 4),
        ({"audio": {"id": "audio_1", "expires_at": 1729018505}}, 0),
        ({"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}, 1),
        ({"content": [{"type": "image_url", "image_url": "data:image/png;base64," + "A" * 8000}]}, 11),
        ({"content": [{"type": "text", "text": "abcd"}]}, 4),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, 2),
    ],
)
def test_produced_text_is_counted_in_bytes_of_whatever_kind(delta, size):
    assert openai.read_frame(chunk(**delta)).produced_bytes >= size
    assert (openai.read_frame(chunk(**delta)).produced_bytes > 0) == (size > 0)


def test_the_text_of_every_choice_counts():
    data = json.dumps(
        {"choices": [{"delta": {"content": "ab"}}, {"delta": {"content": "cd"}, "finish_reason": "stop"}]}
    )

    frame = openai.read_frame(data.encode())

    assert (frame.produced_bytes, frame.finish_reason, frame.has_choices) == (4, "stop", True)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"nonsense", b"[1]", b"null", b'"text"', b'{"choices": [', b'{"choices": [{"delta": {"content": "\xff"}}]}',
        b'{"choices": "many"}', b'{"choices": [1]}', b'{"choices": [{"delta": {"content": "a\x00b"}}]}',
        b'{"choices": [{"delta": {"content": ' + b"[" * 800 + b"]" * 800 + b"}}]}",
        b"[" * 100_000, b'{"choices": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"usage": {"prompt_tokens": NaN}}',
    ],
)  # fmt: skip
def test_what_is_no_chat_chunk_is_malformed(data):
    with pytest.raises(MalformedStream):
        openai.read_frame(data)


def test_text_that_speaks_of_usage_or_errors_is_only_text():
    frame = openai.read_frame(chunk(content='"usage": {"prompt_tokens": 9}, "error": "x"'))

    assert (frame.usage, frame.error) == (None, None)
