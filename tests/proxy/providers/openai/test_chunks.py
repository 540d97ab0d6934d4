import msgspec
import pytest

from proxy.providers.openai.chunks import arguments, read_chunk, stretches
from proxy.sse import MalformedStream


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, []),
        ("", [("text", "")]),
        ("a", [("text", "a")]),
        ([{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}], [("text", "a"), ("refusal", "b")]),
        ([{"type": "thinking", "thinking": "a"}, {"text": "b"}], [("thinking", "a"), ("text", "b")]),
        ([{"type": "thinking", "thinking": [{"text": "a"}, 5, {"text": 5}]}, {"type": "thinking"}], [("thinking", "a")]),
        ([{"type": "image_url", "image_url": {}}, 5, {"type": "text", "text": 5}], []),
    ],
)  # fmt: skip
def test_a_content_is_stretches_of_text(content, said):
    assert stretches(content) == said


@pytest.mark.parametrize("content", [{"text": "a"}, 5, [{"type": "thinking", "thinking": {"text": "a"}}]])
def test_a_content_of_another_kind_is_malformed(content):
    with pytest.raises(MalformedStream):
        stretches(content)


def test_a_thought_in_a_thought_is_none_however_deep():
    content: object = "x"
    for _ in range(400):
        content = [{"type": "thinking", "thinking": content}]

    assert stretches(content) == []


@pytest.mark.parametrize(
    ("written", "text"),
    [(b"null", ""), (b'"{\\"a\\":"', '{"a":'), (b'{ "a" : 1.50 }', '{ "a" : 1.50 }')],
)
def test_arguments_are_text_or_an_object_kept_as_it_came(written, text):
    assert arguments(msgspec.Raw(written)) == text


@pytest.mark.parametrize("written", [b"5", b"[1]", b'{"a": "\xff"}', b"true"])
def test_arguments_of_another_kind_are_malformed(written):
    with pytest.raises(MalformedStream):
        arguments(msgspec.Raw(written))


@pytest.mark.parametrize("extra", [None, 5, {}, {"google": 5}, {"google": {"thought_signature": 5}}])
def test_a_call_without_a_signature_has_none(extra):
    call = {"function": {"name": "f"}, "extra_content": extra}

    chunk = read_chunk(msgspec.json.encode({"choices": [{"delta": {"tool_calls": [call]}}]}))

    assert chunk.choices[0].delta.tool_calls[0].signature is None
