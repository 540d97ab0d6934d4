from proxy.conversation import BlockBegan, BlockEnded, Delta, Signed
from proxy.providers.openai.blocks import Blocks
from proxy.providers.openai.chunks import Function, ToolCall


def test_a_stretch_ends_where_another_kind_begins_and_nothing_begins_with_nothing():
    blocks = Blocks()

    told = [
        *blocks.say("text", ""),
        *blocks.say("text", "a"),
        *blocks.say("text", "b"),
        *blocks.say("refusal", "c"),
    ]

    assert told == [
        BlockBegan(0, "text"), Delta(0, "a"), Delta(0, "b"), BlockEnded(0), BlockBegan(1, "refusal"), Delta(1, "c"),
    ]  # fmt: skip


def test_a_thought_ends_with_its_signature_or_where_another_is_counted():
    blocks = Blocks()

    told = [
        *blocks.say("thinking", "a", key=0), *blocks.say("thinking", "b"), *blocks.say("thinking", "c", key=1),
        *blocks.sign("s", key=1), *blocks.say("thinking", "d", key=1),
    ]  # fmt: skip

    assert told == [
        BlockBegan(0, "thinking"), Delta(0, "a"), Delta(0, "b"), BlockEnded(0),
        BlockBegan(1, "thinking"), Delta(1, "c"), Signed(1, "s"), BlockEnded(1),
        BlockBegan(2, "thinking"), Delta(2, "d"),
    ]  # fmt: skip


def test_a_call_that_is_not_named_yet_says_nothing():
    blocks = Blocks()

    assert list(blocks.call(ToolCall(index=0, id="c"), made_id="m")) == []
    assert not blocks.has_tools
    assert list(blocks.call(ToolCall(index=0, function=Function(name="f")), made_id="m")) == [
        BlockBegan(0, "tool", tool_id="m0", tool_name="f")
    ]
    assert blocks.has_tools
