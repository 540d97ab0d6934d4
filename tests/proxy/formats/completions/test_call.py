import json

import pytest

from core.errors import BadRequest
from proxy.formats.completions.call import CompletionsCall

GOOD = {"model": "acme/old", "prompt": "Once upon"}


def parse(**fields):
    return CompletionsCall.parse(json.dumps({**GOOD, **fields}).encode())


def test_a_call_is_read():
    call = parse(stream=True, max_tokens=30, n=2, models=["acme/more"], debug={"echo_upstream_body": True})

    assert (call.model, call.stream, call.max_tokens, call.choices) == ("acme/old", True, 30, 2)
    assert call.models == ("acme/old", "acme/more")
    assert bytes(call.fields["prompt"]) == b'"Once upon"'
    assert call.echo_upstream_body


def test_an_answer_is_short_unless_a_longer_one_is_asked_for():
    assert parse().output_bound(model_max=4096, context=8192, cap=1000) == 16
    assert parse(max_tokens=None).output_bound(model_max=4096, context=8192, cap=1000) == 16
    assert parse(max_tokens=100).output_bound(model_max=4096, context=8192, cap=1000) == 100
    assert parse(max_tokens=100).output_bound(model_max=50, context=8192, cap=1000) == 50


def test_each_prompt_has_its_choices_and_may_fill_the_context():
    call = parse(prompt=["a" * 400, [1, 2, 3]], n=3)

    assert call.choices == 6
    assert call.input_size(100).at_most == 200
    assert call.input_size(None).estimate == 100 + 3


def test_a_suffix_is_read_once_for_each_prompt():
    plain, longer = parse(prompt=["a", "b"]), parse(prompt=["a", "b"], suffix="c" * 400)

    assert longer.input_size(None).estimate == 201
    assert longer.input_size(None).at_most - plain.input_size(None).at_most == 400


def test_what_is_repeated_is_known_beforehand():
    assert parse().echoed_bytes == parse(echo=False).echoed_bytes == 0
    assert parse(prompt=["Once upon", "é"], suffix="c", n=3, echo=True).echoed_bytes == 3 * 11


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["a"] * 21}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt[1]"),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"best_of": 2}, "best_of"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_completion_tokens": 5}, "max_completion_tokens"),
        ({"echo": "yes"}, "echo"),
        ({"stream": 1}, "stream"),
        ({"suffix": 5}, "suffix"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"stream_options": 5}, "stream_options"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"plugins": []}, "plugins"),
        ({"provider": 5}, "provider"),
        ({"models": 5}, "models"),
        ({"debug": 5}, "debug"),
    ],
)
def test_a_wrong_field_is_refused_by_name(fields, param):
    with pytest.raises(BadRequest) as refused:
        parse(**fields)

    assert refused.value.param == param
