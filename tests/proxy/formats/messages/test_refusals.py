import msgspec
import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible
from proxy.formats.messages.refusals import as_refusal, no_place
from proxy.formats.messages.wire import Request

GOOD = '"model": "a/b", "max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]'


def refused(body):
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.json.decode(body, type=Request)
    return as_refusal(error.value)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("{}", "model"),
        (GOOD.replace('"text": ""', '"text": 5'), "messages[0].content[0].text"),
        (GOOD.replace(', "text": ""', ""), "messages[0].content[0].text"),
        (GOOD.replace('"type": "text", ', ""), "messages[0].content[0].type"),
        (GOOD.replace("user", "tool"), "messages[0].role"),
        (GOOD + ', "temperature": 1.5', "temperature"),
    ],
)
def test_what_is_malformed_is_named(body, param):
    refusal = refused(body if body == "{}" else "{" + body + "}")

    assert isinstance(refusal, BadRequest)
    assert refusal.param == param
    assert refusal.message.startswith(param)
    assert refusal.message.endswith(".")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (GOOD + ', "speed": "fast"', "speed"),
        (GOOD.replace('"text": ""', '"text": "", "new": 1'), "messages[0].content[0].new"),
        (GOOD.replace('"type": "text"', '"type": "search_result"'), "messages[0].content[0].type"),
        (GOOD + ', "thinking": {"type": "later"}', "thinking.type"),
    ],
)
def test_what_others_may_know_is_no_fault_and_has_no_place(body, param):
    refusal = refused("{" + body + "}")

    assert isinstance(refusal, Inexpressible)
    assert refusal.param == param


@pytest.mark.parametrize("name", ["`", "a\\nb", "x" * 10_000, " - at `$.model`", "é", ""])
def test_a_name_the_sender_made_up_is_told_short_and_in_one_line(name):
    refusal = refused(f'{{{GOOD}, "{name}": 1}}')

    assert isinstance(refusal, Inexpressible)
    assert refusal.param.isprintable()
    assert len(refusal.param) <= 100
    assert len(str(refusal)) < 400


def test_what_has_no_place_says_what_to_do():
    assert str(no_place("a.b")).startswith("a.b ")
    assert str(no_place("a.b")).endswith("Leave it out.")
