import pytest

from proxy.conversation import Ask, Inexpressible, Media, Text, Thinking, ToolResult, ToolUse, Turn
from proxy.providers.openai.messages import MessageWriter

MARK = {"cache_control": {"type": "ephemeral"}}


def written(*turns, strict=False, system=()):
    return MessageWriter(strict=strict).messages(Ask(system=system, turns=turns, max_tokens=1))


def user(*parts, **more):
    return written(Turn("user", parts), **more)


def assistant(*parts, **more):
    return written(Turn("assistant", parts), **more)[0]


def test_text_alone_is_written_as_text_and_more_as_parts():
    assert user(Text("a")) == [{"role": "user", "content": "a"}]
    assert user(Text("a"), Text("b")) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]
    assert user() == [{"role": "user", "content": ""}]


def test_instructions_are_one_message_before_all_others():
    made = user(Text("hi"), system=(Text("a"), Text("b", cache=True)))

    assert made[0] == {
        "role": "system",
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", **MARK}],
    }
    assert made[1] == {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (Media("image", url="https://a/b"), {"type": "image_url", "image_url": {"url": "https://a/b"}}),
        (Media("image", data="QUJD", media_type="image/png", detail="low", cache=True), {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}, **MARK}),
        (Media("file", data="QUJD", media_type="application/pdf", name="a.pdf"), {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}}),
        (Media("file", data="QUJD", media_type="application/pdf"), {"type": "file", "file": {"filename": "file", "file_data": "data:application/pdf;base64,QUJD"}}),
        (Media("audio", data="QUJD", media_type="audio/mpeg"), {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}),
        (Media("audio", data="QUJD", media_type="audio/x-wav"), {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}),
        (Media("audio", data="QUJD", media_type="audio/flac"), {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "flac"}}),
    ],
)  # fmt: skip
def test_media_are_parts_of_their_kinds(media, part):
    assert user(media) == [{"role": "user", "content": [part]}]


@pytest.mark.parametrize("kind", ["file", "audio"])
def test_files_and_recordings_by_address_are_refused(kind):
    with pytest.raises(Inexpressible):
        user(Media(kind, url="https://a/b"))


def test_a_strict_provider_takes_recordings_as_openai_does():
    wav, flac = (Media("audio", data="QUJD", media_type=f"audio/{form}") for form in ("wav", "flac"))

    assert user(wav, strict=True)[0]["content"][0]["input_audio"]["format"] == "wav"
    with pytest.raises(Inexpressible):
        user(flac, strict=True)


def test_results_of_tools_come_before_what_the_user_says_beside_them():
    made = user(
        Text("and now?"),
        ToolResult("c1", (Text("one"),)),
        ToolResult("c2", (Text("two"), Text("three")), cache=True),
    )

    assert made == [
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {
            "role": "tool",
            "tool_call_id": "c2",
            "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "three", **MARK}],
        },
        {"role": "user", "content": "and now?"},
    ]


@pytest.mark.parametrize(
    ("parts", "content"), [((Text("no such file"),), "Error: no such file"), ((), "Error: ")]
)
def test_a_tool_that_failed_says_so_in_words(parts, content):
    assert user(ToolResult("c1", parts, is_error=True))[0]["content"] == content


def test_a_result_of_nothing_is_empty_text():
    assert user(ToolResult("c1", ()))[0]["content"] == ""


def test_images_in_results_are_refused():
    with pytest.raises(Inexpressible) as refused:
        user(ToolResult("c1", (Media("image", url="https://a/b"),)))

    assert refused.value.param == "messages"


def test_an_assistant_that_only_calls_tools_has_no_content():
    made = assistant(ToolUse("c1", "f", '{"a":1}'), ToolUse("c2", "g", "{}"))

    assert made == {
        "role": "assistant",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }


THOUGHTS = (Thinking("a", signature="s"), Thinking(redacted="x"), Thinking("b"))


def test_thoughts_marks_and_signatures_go_back_to_those_who_may_want_them():
    made = assistant(*THOUGHTS, Text("so", cache=True), ToolUse("c", "f", "{}", signature="t", cache=True))

    assert made == {
        "role": "assistant",
        "content": [{"type": "text", "text": "so", **MARK}],
        "reasoning_content": "ab",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "a", "signature": "s", "index": 0},
            {"type": "reasoning.encrypted", "data": "x", "index": 1},
            {"type": "reasoning.text", "text": "b", "index": 2},
        ],
        "tool_calls": [
            {
                "id": "c",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                **MARK,
                "extra_content": {"google": {"thought_signature": "t"}},
            }
        ],
    }


def test_a_plain_thought_is_told_once():
    assert assistant(Thinking("a")) == {"role": "assistant", "content": "", "reasoning_content": "a"}


def test_a_strict_provider_is_told_nothing_openai_does_not_know():
    tool = ToolUse("c", "f", "{}", signature="t", cache=True)

    made = assistant(*THOUGHTS, Text("so", cache=True), tool, strict=True)

    assert made == {
        "role": "assistant",
        "content": "so",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }


@pytest.mark.parametrize("part", [Media("image", url="https://a/b"), ToolResult("c", ())])
def test_what_no_assistant_can_have_said_is_refused(part):
    with pytest.raises(Inexpressible):
        assistant(part)


@pytest.mark.parametrize("part", [Thinking("a"), ToolUse("c", "f", "{}")])
def test_what_no_user_can_have_said_is_refused(part):
    with pytest.raises(Inexpressible):
        user(part)
