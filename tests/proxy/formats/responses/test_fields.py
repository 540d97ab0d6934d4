import msgspec
import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible
from proxy.formats.responses.fields import Fields


def test_fields_are_taken_by_their_kind():
    fields = Fields({"a": "x", "b": True, "c": 1, "d": {"e": "y"}, "f": [{"g": 1}], "h": {"i": [1]}})

    assert (fields.text("a"), fields.flag("b"), fields.number("c", high=2)) == ("x", True, 1.0)
    assert fields.inner("d").needed_text("e") == "y"
    assert [entry.number("g", high=1) for entry in fields.objects("f")] == [1.0]
    assert fields.json("h") == msgspec.Raw(b'{"i":[1]}')
    fields.none_left()


def test_a_field_that_is_null_was_not_sent():
    fields = Fields({"a": None})

    assert (fields.text("a"), fields.inner("a"), fields.entries("a"), fields.json("a")) == (None,) * 4
    fields.none_left()


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (5, lambda fields: fields.text("x")), ([], lambda fields: fields.needed_text("x")),
        ("", lambda fields: fields.needed_text("x")), (None, lambda fields: fields.needed_text("x")),
        ("c", lambda fields: fields.word("x", ("a", "b"))), (1, lambda fields: fields.flag("x")),
        (True, lambda fields: fields.number("x", high=2)), (2.5, lambda fields: fields.number("x", high=2)),
        (-1, lambda fields: fields.number("x", high=2)), (float("nan"), lambda fields: fields.number("x", high=2)),
        (10**400, lambda fields: fields.number("x", high=2)),
        ([], lambda fields: fields.inner("x")), ({}, lambda fields: fields.entries("x")),
        ([], lambda fields: fields.json("x")), ({}, lambda fields: fields.objects("x")),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_by_its_full_name(value, read):
    with pytest.raises(BadRequest) as refused:
        read(Fields({"x": value}, "text.format"))

    assert refused.value.param == "text.format.x"
    assert refused.value.message.startswith("text.format.x ")


def test_an_entry_is_named_by_its_place():
    with pytest.raises(BadRequest) as refused:
        Fields({"tools": [{}, 5]}).objects("tools")

    assert refused.value.param == "tools[1]"


def test_what_nobody_took_is_refused_and_not_dropped():
    fields = Fields({"seed": 4, "x" * 500: 1})

    with pytest.raises(Inexpressible) as first:
        fields.none_left()
    fields.take("seed")
    with pytest.raises(Inexpressible) as second:
        fields.none_left()

    assert first.value.param == "seed"
    assert second.value.param == "x" * 60


def test_a_list_that_must_be_empty_says_why():
    fields = Fields({"annotations": [], "logprobs": [1]})

    fields.empty("annotations", "cannot be passed on")
    with pytest.raises(Inexpressible) as refused:
        fields.empty("logprobs", "cannot be passed on")

    assert refused.value.param == "logprobs"
