import msgspec
import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible
from proxy.formats.chat.fields import Fields


def test_a_value_is_read_the_same_decoded_or_not():
    raw = Fields(msgspec.Raw(b'{"a": {"b": [1, {"c": "x"}]}}'))
    decoded = Fields({"a": {"b": [1, {"c": "x"}]}})

    assert raw.object("a").whole_value("b") == decoded.object("a").whole_value("b") == [1, {"c": "x"}]


def test_an_object_is_kept_as_it_came():
    assert bytes(Fields(msgspec.Raw(b'{"a": { "b": 1.50 }}')).raw("a")) == b'{ "b": 1.50 }'
    assert bytes(Fields({"a": {"b": 1.5}}).raw("a")) == b'{"b":1.5}'
    assert Fields(msgspec.Raw(b'{"a": null}')).raw("a") is None


def test_a_field_is_named_by_its_whole_path():
    fields = Fields({"a": [{"b": {"c": 5}}]}).objects("a")[0].object("b")

    with pytest.raises(BadRequest) as refused:
        fields.text("c")

    assert refused.value.param == "a[0].b.c"
    assert refused.value.message == "a[0].b.c must be text."


@pytest.mark.parametrize("value", [None, [], {}])
def test_what_says_nothing_may_be_left(value):
    Fields({"a": value}).end()


@pytest.mark.parametrize("value", [0, False, "", [None], {"b": None}])
def test_what_says_something_may_not_be_left(value):
    with pytest.raises(Inexpressible) as refused:
        Fields({"a": value}).end()

    assert refused.value.param == "a"


@pytest.mark.parametrize(
    "read",
    [
        lambda f: f.text("a"),
        lambda f: f.flag("a"),
        lambda f: f.number("a", 0, 1),
        lambda f: f.whole("a", 0, 1),
        lambda f: f.one_of("a", ("x",)),
        lambda f: f.object("a"),
        lambda f: f.raw("a"),
    ],
)
def test_a_value_of_another_kind_is_refused(read):
    assert read(Fields({})) is None
    with pytest.raises(BadRequest):
        read(Fields({"a": ["x"]}))
