import msgspec
import pytest

from proxy.formats.messages import wire


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(wire).values() if isinstance(kind, type) and issubclass(kind, wire._Known)],
    ids=lambda kind: kind.__name__,
)
def test_nothing_that_is_converted_passes_over_a_field(kind):
    assert kind.__struct_config__.forbid_unknown_fields


def test_schemas_and_the_input_of_tools_stay_as_they_are_written():
    block = msgspec.json.decode(
        b'{"type": "tool_use", "id": "t", "name": "n", "input": {"b": 1.50, "a":  2}}', type=wire.ToolUseBlock
    )

    assert bytes(block.input) == b'{"b": 1.50, "a":  2}'


def test_what_its_own_kind_of_provider_reads_may_hold_more():
    body = {"messages": [{"role": "user", "content": [{"type": "later", "x": 1}], "y": 2}], "z": 3}

    assert msgspec.convert(body, wire.AnyRequest).messages[0].content == [wire.AnyBlock("later")]
