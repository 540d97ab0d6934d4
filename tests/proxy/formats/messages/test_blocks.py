from hypothesis import given

from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Signed, Stopped
from proxy.formats.messages.blocks import Blocks
from tests.proxy.formats.messages.answers import interleaved


def told(*events):
    blocks = Blocks()
    return [made for event in events for made in blocks.take(event)] + blocks.end()


def short(wire):
    """An event as its index and what is in it."""
    kind = wire["type"].removeprefix("content_block_")
    inside = wire.get("content_block") or wire.get("delta") or {}
    return (wire["index"], kind, *[value for name, value in inside.items() if name != "type"])


def test_a_block_is_begun_written_and_ended():
    made = told(BlockBegan(0, "text"), Delta(0, "Hel"), Delta(0, "lo"), BlockEnded(0))

    assert made == [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_stop", "index": 0},
    ]


def test_a_piece_is_told_when_it_comes():
    blocks = Blocks()
    blocks.take(BlockBegan(0, "text"))

    first, second = blocks.take(Delta(0, "a")), blocks.take(Delta(0, "b"))

    assert [len(first), len(second)] == [2, 1]


def test_a_thought_is_signed_and_a_hidden_one_is_only_its_data():
    made = told(
        BlockBegan(0, "thinking"), Delta(0, "Hm."), Signed(0, "sig"), BlockEnded(0),
        BlockBegan(1, "thinking"), Signed(1, "hidden", is_redacted=True), BlockEnded(1),
        BlockBegan(2, "thinking"), Signed(2, "alone"),
    )  # fmt: skip

    assert [short(wire) for wire in made] == [
        (0, "start", "", ""), (0, "delta", "Hm."), (0, "delta", "sig"), (0, "stop"),
        (1, "start", "hidden"), (1, "stop"),
        (2, "start", "", ""), (2, "delta", "alone"), (2, "stop"),
    ]  # fmt: skip
    assert made[4]["content_block"]["type"] == "redacted_thinking"


def test_a_thought_may_be_hidden_from_some_word_on():
    made = told(BlockBegan(0, "thinking"), Delta(0, "Hm."), Signed(0, "hidden", is_redacted=True))

    assert [short(wire) for wire in made] == [
        (0, "start", "", ""), (0, "delta", "Hm."), (0, "stop"), (1, "start", "hidden"), (1, "stop"),
    ]  # fmt: skip


def test_a_block_of_nothing_is_none_but_a_call_without_input_is_one():
    made = told(
        BlockBegan(0, "text"), Delta(0, ""), BlockEnded(0), BlockBegan(1, "thinking"), BlockEnded(1),
        BlockBegan(2, "tool", tool_id="t", tool_name="n"), Delta(2, ""), BlockEnded(2),
    )  # fmt: skip

    assert [short(wire) for wire in made] == [(0, "start", "t", "n", {}), (0, "stop")]


def test_a_call_carries_a_signature_that_comes_before_its_input_or_right_behind_its_beginning():
    call = BlockBegan(0, "tool", tool_id="t", tool_name="n")

    for events in ([call, Signed(0, "sig"), Delta(0, "{}")], [call, Delta(0, "{}"), Signed(0, "sig")]):
        made = told(*events)

        assert made[0]["content_block"]["signature"] == "sig"
        assert [short(wire) for wire in made[1:]] == [(0, "delta", "{}"), (0, "stop")]


def test_a_signature_that_comes_late_is_told_late():
    call = BlockBegan(0, "tool", tool_id="t", tool_name="n")

    made = told(call, Delta(0, "{"), Delta(0, "}"), Signed(0, "sig"))

    assert [short(wire) for wire in made] == [
        (0, "start", "t", "n", {}), (0, "delta", "{"), (0, "delta", "}"), (0, "delta", "sig"), (0, "stop"),
    ]  # fmt: skip
    assert made[3]["delta"]["type"] == "signature_delta"


def test_a_text_is_not_signed_and_a_refusal_is_a_text():
    made = told(BlockBegan(0, "refusal"), Delta(0, "No."), Signed(0, "sig"), BlockEnded(0))

    assert [short(wire) for wire in made] == [(0, "start", ""), (0, "delta", "No."), (0, "stop")]


def test_a_text_that_goes_on_behind_another_goes_on_in_a_block_of_its_own():
    made = told(
        BlockBegan(0, "text"), Delta(0, "a"), BlockBegan(1, "thinking"), Delta(1, "b"), Delta(0, "c"),
        Signed(1, "sig"), BlockEnded(1), BlockEnded(0),
    )  # fmt: skip

    assert [short(wire) for wire in made] == [
        (0, "start", ""), (0, "delta", "a"), (0, "stop"),
        (1, "start", "", ""), (1, "delta", "b"), (1, "stop"),
        (2, "start", ""), (2, "delta", "c"), (2, "stop"),
        (3, "start", "", ""), (3, "delta", "sig"), (3, "stop"),
    ]  # fmt: skip


def test_calls_at_once_come_one_after_another():
    made = told(
        BlockBegan(0, "tool", tool_id="t0", tool_name="n"), BlockBegan(1, "tool", tool_id="t1", tool_name="n"),
        Delta(1, "{"), Delta(0, "["), Delta(1, "}"), Delta(0, "]"), BlockBegan(2, "text"), Delta(2, "x"),
        BlockEnded(0),
    )  # fmt: skip

    assert [short(wire) for wire in made] == [
        (0, "start", "t0", "n", {}), (0, "delta", "["), (0, "delta", "]"), (0, "stop"),
        (1, "start", "t1", "n", {}), (1, "delta", "{"), (1, "delta", "}"), (1, "stop"),
        (2, "start", ""), (2, "delta", "x"), (2, "stop"),
    ]  # fmt: skip


def test_what_is_of_no_block_tells_nothing():
    assert told(Began(), Stopped("end", "stop"), BlockEnded(7)) == []


@given(interleaved())
def test_in_any_order_one_block_is_open_at_a_time_and_nothing_is_lost(events):
    made = told(*events)

    open_index, next_index, texts, kinds = None, 0, {}, {}
    for wire in made:
        if wire["type"] == "content_block_start":
            assert open_index is None
            assert wire["index"] == next_index
            open_index, next_index = next_index, next_index + 1
            kinds[open_index] = wire["content_block"].get("id") or wire["content_block"]["type"]
        else:
            assert wire["index"] == open_index
        if wire["type"] == "content_block_stop":
            open_index = None
        if wire["type"] == "content_block_delta":
            kind = kinds[open_index]
            _, piece = wire["delta"].values()
            texts[kind] = texts.get(kind, "") + piece
    assert open_index is None
    assert (texts["t2"], texts["t3"]) == ('{"x": 1}', "{}")
    assert texts["thinking"] == "cds"
    assert sorted(texts["text"]) == ["a", "b", "e", "f"]


def test_calls_made_at_once_are_told_one_after_another_however_many():
    calls = range(3000)
    began = [BlockBegan(n, "tool", f"call_{n}", "look") for n in calls]
    events = [*began, *(Delta(n, "{}") for n in calls), *(BlockEnded(n) for n in calls)]

    made = told(*events)

    starts = [wire for wire in made if wire["type"] == "content_block_start"]
    assert [wire["content_block"]["id"] for wire in starts] == [f"call_{n}" for n in calls]
    assert len(made) == 3 * len(calls)


def test_text_that_waited_in_turns_with_a_thought_is_told_whole():
    made = told(
        BlockBegan(0, "text"), Delta(0, "a"), BlockBegan(1, "tool", "call", "look"), BlockBegan(2, "thinking"),
        Delta(0, "b"), Delta(2, "x"), Delta(0, "c"), Delta(2, "y"), BlockEnded(1),
    )  # fmt: skip

    assert [short(wire)[2:] for wire in made[3:]] == [
        ("call", "look", {}), (),
        ("", ""), ("x",), ("y",), (),
        ("",), ("b",), ("c",), (),
    ]  # fmt: skip
