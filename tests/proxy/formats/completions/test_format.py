import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadRequest
from proxy.conversation import Ask, Inexpressible, Text, Turn
from proxy.formats.completions.call import CompletionsCall
from proxy.formats.completions.format import Completions
from tests.proxy.test_chat_call import anything, names

GOOD = {"model": "acme/tiny", "prompt": "Once upon"}


def ask_of(**fields):
    call = CompletionsCall.parse(json.dumps({**GOOD, **fields}).encode())
    return Completions().ask(call.fields, max_tokens=16)


def test_the_prompt_is_what_a_user_says():
    said = (Turn("user", (Text("Once upon"),)),)

    assert ask_of() == ask_of(prompt=["Once upon"]) == Ask(turns=said, max_tokens=16)


def test_what_any_model_knows_is_carried_over():
    ask = ask_of(
        temperature=0.5, top_p=0.9, top_k=4, min_p=0.1, frequency_penalty=1, presence_penalty=-1, seed=7,
        stop="END", user="u",
    )  # fmt: skip

    assert (ask.temperature, ask.top_p, ask.top_k, ask.min_p) == (0.5, 0.9, 4, 0.1)
    assert (ask.frequency_penalty, ask.presence_penalty, ask.seed) == (1, -1, 7)
    assert (ask.stop, ask.user) == (("END",), "u")


def test_what_speaks_to_us_or_says_what_holds_anyway_says_nothing():
    plain = ask_of()

    assert plain == ask_of(
        stream=True, stream_options={"include_usage": True}, max_tokens=9, provider={}, models=[], n=1,
        echo=False, suffix="", logprobs=None, best_of=None, logit_bias={}, stop=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"echo": True}, "echo"), ({"suffix": "c"}, "suffix"), ({"logprobs": 0}, "logprobs"), ({"n": 2}, "n"),
        ({"prompt": ["a", "b"]}, "prompt"), ({"prompt": [1]}, "prompt"), ({"prompt": [[1]]}, "prompt"),
        ({"logit_bias": {"5": 1}}, "logit_bias"), ({"odd": 1}, "odd"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_named(fields, param):
    with pytest.raises(Inexpressible) as refused:
        ask_of(**fields)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"stop": [""]}, "stop"),
        ({"seed": 1.5}, "seed"),
        ({"user": 5}, "user"),
    ],
)
def test_what_is_malformed_is_named(fields, param):
    with pytest.raises(BadRequest) as refused:
        ask_of(**fields)

    assert refused.value.param == param


own = st.sampled_from(
    [
        "prompt",
        "max_tokens",
        "n",
        "echo",
        "suffix",
        "logprobs",
        "stop",
        "temperature",
        "stream",
        "user",
        "seed",
    ]
)
bodies = st.dictionaries(own | names, anything | st.lists(st.integers()) | st.lists(st.text()), max_size=5)


@given(bodies)
def test_whatever_a_body_holds_it_is_said_or_refused_by_name(fields):
    try:
        call = CompletionsCall.parse(json.dumps({**GOOD, **fields}).encode())
        ask = Completions().ask(call.fields, max_tokens=16)
    except (BadRequest, Inexpressible):
        return

    assert ask.turns[0].parts[0].text
    assert call.input_size(None).at_most > 0
