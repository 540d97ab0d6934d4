import pytest

from core.errors import BadRequest
from proxy.conversation import Inexpressible, Thinking
from proxy.formats.responses.fields import Fields
from proxy.formats.responses.thoughts import read_thought, seal


def summary(*texts):
    return [{"type": "summary_text", "text": text} for text in texts]


@pytest.mark.parametrize(
    ("item", "thought"),
    [
        ({"summary": summary("Hm.")}, Thinking("Hm.")),
        ({"summary": summary("One.", "Two.")}, Thinking("One.\n\nTwo.")),
        ({"summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}, Thinking("Hm.")),
        ({"summary": summary("Hm."), "encrypted_content": "c2ln"}, Thinking("Hm.", signature="c2ln")),
        ({"summary": [], "encrypted_content": "c2ln"}, Thinking(signature="c2ln")),
        ({"summary": [], "encrypted_content": "redacted:c2ln"}, Thinking(redacted="c2ln")),
        ({"summary": []}, None),
        ({"summary": [], "encrypted_content": ""}, None),
    ],
)
def test_a_thought_comes_back(item, thought):
    assert read_thought(Fields(item)) == thought


def test_what_is_sealed_comes_back_as_what_it_was():
    shown, hidden = seal("c2ln", is_redacted=False), seal("c2ln", is_redacted=True)

    assert read_thought(Fields({"summary": [], "encrypted_content": shown})) == Thinking(signature="c2ln")
    assert read_thought(Fields({"summary": [], "encrypted_content": hidden})) == Thinking(redacted="c2ln")


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"summary": "Hm."}, "summary"), ({"summary": ["Hm."]}, "summary[0]"),
        ({"summary": [{"type": "text", "text": "Hm."}]}, "summary[0].type"),
        ({"summary": [{"type": "summary_text"}]}, "summary[0].text"),
        ({"summary": [], "encrypted_content": 5}, "encrypted_content"),
        ({"summary": summary("Hm."), "encrypted_content": "redacted:c2ln"}, "summary"),
    ],
)  # fmt: skip
def test_a_thought_that_is_wrong_is_refused_by_name(item, param):
    with pytest.raises(BadRequest) as refused:
        read_thought(Fields(item))

    assert refused.value.param == param


def test_a_thought_beside_its_summary_has_no_place():
    item = {"summary": summary("In short."), "content": [{"type": "reasoning_text", "text": "At length."}]}

    with pytest.raises(Inexpressible) as refused:
        read_thought(Fields(item))

    assert refused.value.param == "content"
