import math

import pytest

from simulator.lies import tell

HONEST = {"prompt_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 3}}


@pytest.mark.parametrize(
    ("lie", "prompt", "reasoning"),
    [
        ("zero", 0, 0),
        ("x10", 70, 30),
        ("negative", -7, -3),
        ("huge", 1e308, 1e308),
        ("string", "many", "many"),
    ],
)
def test_every_count_is_changed(lie, prompt, reasoning):
    told = tell(HONEST, lie)

    assert told == {"prompt_tokens": prompt, "completion_tokens_details": {"reasoning_tokens": reasoning}}


def test_nan_is_told_as_nan():
    assert math.isnan(tell(HONEST, "nan")["prompt_tokens"])


def test_no_lie_is_the_honest_usage():
    assert tell(HONEST, None) == HONEST


async def test_a_lie_is_reported_and_the_truth_kept(caller):
    answer = await caller.ask("tiny+tokens=7+usage=x10")

    assert answer["usage"]["completion_tokens"] == 70
    record = caller.records[-1]
    assert record["completion_tokens"] == 7
    assert record["usage"]["completion_tokens"] == 70
    assert record["fault"] == "usage=x10"


async def test_missing_usage_is_missing_in_both_kinds_of_answer(caller):
    plain = await caller.ask("tiny+usage=missing")
    events = await caller.events("tiny+usage=missing", stream_options={"include_usage": True})

    assert "usage" not in plain
    assert all(event["choices"] for event in events)
    assert [record["usage"] for record in caller.records] == [None, None]


async def test_nan_goes_out_as_python_and_javascript_write_it(caller):
    raw = await caller.raw("tiny+usage=nan", stream_options={"include_usage": True})

    assert b'"prompt_tokens":NaN' in raw
    assert caller.records[-1]["usage"]["prompt_tokens"] == "NaN"


def test_words_are_left_and_lists_are_gone_through():
    usage = {"tier": "standard", "details": [{"modality": "TEXT", "tokenCount": 7}]}

    assert tell(usage, "negative") == {
        "tier": "standard",
        "details": [{"modality": "TEXT", "tokenCount": -7}],
    }
