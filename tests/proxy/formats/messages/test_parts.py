import msgspec
import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible, Media, Text, Thinking, ToolResult, ToolUse
from proxy.formats.messages import wire
from proxy.formats.messages.parts import parts, texts
from tests.proxy.formats.messages.requests import CACHE, PDF, PICTURE


def said(*blocks, role="user"):
    message = {"role": role, "content": list(blocks)}
    return parts(msgspec.json.decode(msgspec.json.encode(message), type=wire.Message), "messages[3]")


def test_a_system_prompt_is_a_text_or_several():
    assert texts(None, "system") == texts("", "system") == texts([], "system") == ()
    assert texts("Be brief.", "system") == (Text("Be brief."),)
    assert texts([wire.TextBlock("a", wire.CacheControl("ephemeral")), wire.TextBlock("b")], "system") == (
        Text("a", cache=True),
        Text("b"),
    )


def test_a_text_is_said_as_it_is():
    assert parts(wire.Message("user", "Hello"), "messages[0]") == (Text("Hello"),)
    assert said({"type": "text", "text": "a", "cache_control": CACHE}) == (Text("a", cache=True),)
    assert said({"type": "text", "text": "a", "citations": None, "cache_control": None}) == (Text("a"),)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "source": PICTURE}, Media("image", data="iVBOR", media_type="image/png")),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}, "cache_control": CACHE},
            Media("image", url="https://x/y.png", cache=True),
        ),
        (
            {"type": "document", "source": PDF, "title": "Report", "cache_control": CACHE},
            Media("file", data="JVBERi0", media_type="application/pdf", name="Report", cache=True),
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
            Media("file", url="https://x/y.pdf"),
        ),
    ],
)
def test_images_and_files_are_media(block, part):
    assert said(block) == (part,)


def test_a_document_whose_text_is_there_is_text_below_its_title():
    plain = {"type": "text", "media_type": "text/plain", "data": "Words"}
    blocks = [{"type": "text", "text": "Words"}, {"type": "image", "source": PICTURE}]
    image = Media("image", data="iVBOR", media_type="image/png", cache=True)

    assert said({"type": "document", "source": plain, "title": "T", "cache_control": CACHE}) == (
        Text("T"),
        Text("Words", cache=True),
    )
    assert said({"type": "document", "source": {"type": "content", "content": "Words"}}) == (Text("Words"),)
    assert said(
        {"type": "document", "source": {"type": "content", "content": blocks}, "cache_control": CACHE}
    ) == (Text("Words"), image)


def test_what_the_assistant_thought_and_called():
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
    unsigned = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    hidden = {"type": "redacted_thinking", "data": "hidden"}
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}, "caller": {"type": "direct"}}
    signed = {**call, "signature": "sig", "cache_control": CACHE}

    assert said(thought, unsigned, hidden, call, signed, role="assistant") == (
        Thinking("Hm.", "sig"),
        Thinking("Hm."),
        Thinking(redacted="hidden"),
        ToolUse("t1", "look", '{"at":1}'),
        ToolUse("t1", "look", '{"at":1}', signature="sig", cache=True),
    )


def test_what_a_tool_gave_is_text_and_media():
    image = {"type": "image", "source": PICTURE}
    result = {"type": "tool_result", "tool_use_id": "t1"}

    assert said(
        result,
        {**result, "content": "Seen", "is_error": True, "cache_control": CACHE},
        {
            **result,
            "content": [{"type": "text", "text": "a", "cache_control": CACHE}, image],
            "is_error": None,
        },
    ) == (
        ToolResult("t1", ()),
        ToolResult("t1", (Text("Seen"),), is_error=True, cache=True),
        ToolResult("t1", (Text("a", cache=True), Media("image", data="iVBOR", media_type="image/png"))),
    )


@pytest.mark.parametrize(
    ("role", "block", "param"),
    [
        ("user", {"type": "tool_use", "id": "t", "name": "n", "input": {}}, "type"),
        ("user", {"type": "thinking", "thinking": "", "signature": ""}, "type"),
        ("assistant", {"type": "image", "source": PICTURE}, "type"),
        ("assistant", {"type": "tool_result", "tool_use_id": "t"}, "type"),
        ("assistant", {"type": "tool_use", "id": "t", "name": "n", "input": [1]}, "input"),
    ],
)
def test_what_a_side_does_not_say_is_refused_by_name(role, block, param):
    with pytest.raises(BadRequest) as refused:
        said({"type": "text", "text": "x"}, block, role=role)

    assert refused.value.param == f"messages[3].content[1].{param}"


def test_a_message_of_nothing_is_refused():
    with pytest.raises(BadRequest) as refused:
        said()

    assert refused.value.param == "messages[3].content"


@pytest.mark.parametrize(
    ("role", "block", "param"),
    [
        ("user", {"type": "text", "text": "x", "citations": [{"cited_text": "y"}]}, "citations"),
        ("user", {"type": "document", "source": PDF, "citations": {"enabled": True}}, "citations"),
        ("user", {"type": "document", "source": PDF, "context": "From 1990"}, "context"),
        (
            "user",
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "document", "source": PDF, "context": "x"}],
            },
            "content[0].context",
        ),
        (
            "assistant",
            {
                "type": "tool_use",
                "id": "t",
                "name": "n",
                "input": {},
                "caller": {"type": "code_execution_20250825"},
            },
            "caller",
        ),
    ],
)
def test_what_only_the_format_can_say_is_refused_by_name(role, block, param):
    with pytest.raises(Inexpressible) as refused:
        said(block, role=role)

    assert refused.value.param == f"messages[3].content[0].{param}"
