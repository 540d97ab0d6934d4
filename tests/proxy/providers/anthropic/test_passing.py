"""A Messages body on its way to a provider that speaks the format."""

import json

import msgspec
import pytest

from core.errors import BadRequest
from proxy.providers.anthropic.passing import request_body

BODY = b"""{"model": "acme/tiny", "max_tokens": 900, "messages": [{"role":  "user", "content": "H\\u00ed"}],
 "top_k": 5, "debug": {"echo_upstream_body": true}, "provider": {"sort": "price"}, "models": ["acme/other"]}"""


def sent(**options):
    fields = msgspec.json.decode(BODY, type=dict[str, msgspec.Raw])
    return request_body(fields, model="tiny-1", stream=False, **{"max_tokens": None, **options})


def test_what_speaks_to_us_stays_here_and_the_rest_goes_as_it_came():
    body = sent()

    assert json.loads(body) == {
        "model": "tiny-1",
        "max_tokens": 900,
        "messages": [{"role": "user", "content": "Hí"}],
        "top_k": 5,
    }
    assert b'[{"role":  "user", "content": "H\\u00ed"}]' in body


def test_a_lower_bound_takes_the_place_of_the_clients():
    assert json.loads(sent(max_tokens=("max_completion_tokens", 64)))["max_tokens"] == 64


def bounded(budget, *, tokens):
    body = b'{"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": %b}}' % budget
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return json.loads(request_body(fields, model="tiny-1", stream=True, max_tokens=("max_tokens", tokens)))


@pytest.mark.parametrize("budget", [b"2000", b"2e3"])
def test_more_thinking_than_the_bound_has_room_for_is_refused(budget):
    assert bounded(budget, tokens=2001)["max_tokens"] == 2001
    with pytest.raises(BadRequest) as refused:
        bounded(budget, tokens=2000)
    assert refused.value.param == "thinking.budget_tokens"


@pytest.mark.parametrize(("budget", "read"), [(b'"2000"', "2000"), (b"[2000]", [2000]), (b"null", None)])
def test_a_budget_of_thinking_that_is_no_number_is_left_to_the_provider(budget, read):
    assert bounded(budget, tokens=64)["thinking"]["budget_tokens"] == read
