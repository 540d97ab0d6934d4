from core.rules.prices import Usage
from proxy.conversation import BlockBegan, BlockEnded, Delta, Signed, Told
from proxy.formats.responses.output import Output


def told(output, *events):
    """What events say to the client, each by its type and the place of its item."""
    return [
        (name.removeprefix("response."), said["output_index"])
        for event in events
        for name, said in output.take(event)
    ]


def statuses(output):
    return [item["status"] for item in output.written()]


def test_a_block_ends_for_the_client_when_something_follows():
    output = Output("a")

    first = told(output, BlockBegan(0, "text"), Delta(0, "x"), BlockEnded(0))
    second = told(output, BlockBegan(1, "tool"))

    assert first == [("output_item.added", 0), ("content_part.added", 0), ("output_text.delta", 0)]
    assert second == [
        ("output_text.done", 0), ("content_part.done", 0), ("output_item.done", 0), ("output_item.added", 1),
    ]  # fmt: skip


def test_of_an_answer_that_was_cut_the_last_block_is_incomplete():
    output = Output("a")
    told(output, BlockBegan(0, "tool"), BlockBegan(1, "tool"), BlockEnded(0), BlockEnded(1))

    said = [(name, said.get("item", {}).get("status")) for name, said in output.stop(is_cut=True)]

    assert said == [
        ("response.function_call_arguments.done", None),
        ("response.output_item.done", "incomplete"),
    ]
    assert statuses(output) == ["completed", "incomplete"]


def test_of_a_whole_answer_what_was_left_open_is_complete():
    output = Output("a")
    told(output, BlockBegan(0, "text"), BlockBegan(1, "tool"))

    ended = [said["output_index"] for name, said in output.stop(is_cut=False) if name.endswith("item.done")]

    assert ended == [0, 1]
    assert statuses(output) == ["completed", "completed"]


def test_an_answer_stops_once():
    output = Output("a")
    told(output, BlockBegan(0, "text"))
    list(output.stop(is_cut=False))

    assert list(output.stop(is_cut=True)) == []
    assert statuses(output) == ["completed"]


def test_of_an_answer_that_broke_off_what_was_under_way_is_incomplete():
    output = Output("a")
    told(output, BlockBegan(0, "text"), BlockEnded(0), BlockBegan(1, "text"), Delta(1, "so f"))

    output.break_off()

    assert statuses(output) == ["completed", "incomplete"]
    assert output.written()[1]["content"][0]["text"] == "so f"


def test_blocks_grow_side_by_side():
    output = Output("a")

    said = told(
        output, BlockBegan(0, "tool"), BlockBegan(1, "tool"), Delta(1, "{"), Delta(0, "{}"), Delta(1, "}")
    )
    list(output.stop(is_cut=False))

    assert said[2:] == [
        ("function_call_arguments.delta", 1), ("function_call_arguments.delta", 0), ("function_call_arguments.delta", 1),
    ]  # fmt: skip
    assert [item["arguments"] for item in output.written()] == ["{}", "{}"]


def test_a_proof_may_come_after_the_end_of_its_block():
    output = Output("a")
    told(output, BlockBegan(0, "thinking"), Delta(0, "Hm."), BlockEnded(0), Signed(0, "c2ln"))

    list(output.stop(is_cut=False))

    assert output.written()[0]["encrypted_content"] == "c2ln"


def test_what_says_nothing_is_not_told():
    output = Output("a")
    told(output, BlockBegan(0, "text"))

    assert told(output, Delta(0, ""), Told(Usage(1, 1)), Signed(0, "c2ln")) == []
