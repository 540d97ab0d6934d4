"""What is kept of a call beside its hold is JSON and holds no content."""

import json
from dataclasses import replace

from core.charging.calls import Ending, Progress, event_row
from core.models import UsageEvent
from core.rules.prices import Cost, Usage


def test_the_event_of_a_call_is_json_and_part_of_its_usage_row(desk):
    call = replace(desk.call(10), app_name="my app", app_url="https://app.example", stream=True)

    event = event_row(call)

    assert json.loads(json.dumps(event)) == event
    assert set(event) <= set(UsageEvent.__table__.columns.keys())
    assert (event["app_name"], event["stream"], event["model_id"]) == ("my app", True, "acme/tiny")


def test_an_ending_fills_every_column_that_says_how_a_call_ended():
    columns = set(UsageEvent.__table__.columns.keys())
    ending = Ending(provider="acme", usage=Usage(), cost=Cost(), status=200, reason="done")

    named = {name for name in Ending.__slots__ if name not in {"usage", "cost"}}

    assert named <= columns
    assert not ending.estimated


def test_a_call_has_produced_nothing_until_it_says_so():
    assert Progress(None).cost == Cost(0, 0)
