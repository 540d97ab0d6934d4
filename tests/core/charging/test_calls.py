"""What is kept of a call beside its hold is JSON and holds no content."""

import json

from msgspec import structs

from core.charging.calls import Ending, Progress, base_facts, final_facts, orphan_facts
from core.models import UsageEvent
from core.rules.prices import Cost, Usage

COLUMNS = set(UsageEvent.__table__.columns.keys())


def test_what_is_kept_of_a_call_is_json_and_part_of_its_usage_row(desk):
    call = structs.replace(desk.call(10), app_name="my app", app_url="https://app.example", stream=True)

    facts = base_facts(call)

    assert json.loads(json.dumps(facts)) == facts
    assert set(facts) - {"quotas"} <= COLUMNS
    assert (facts["app_name"], facts["stream"], facts["model_id"]) == ("my app", True, "acme/tiny")
    assert (facts["key_id"], facts["team_id"], facts["quotas"]) == (str(desk.key_id), None, [])


def test_an_ending_fills_every_column_that_says_how_a_call_ended():
    usage = Usage(input_tokens=7, output_tokens=5, reasoning_tokens=2)
    ending = Ending(provider="acme", usage=usage, cost=Cost(3, 4), status=200, reason="done")

    facts = final_facts(ending)

    assert json.loads(json.dumps(facts)) == facts
    assert set(facts) <= COLUMNS
    assert (facts["input_tokens"], facts["output_tokens"], facts["reasoning_tokens"]) == (7, 5, 2)
    assert (facts["upstream_n"], facts["estimated"]) == (3, False)
    assert not {"price_card_id", "model_id"} & facts.keys()  # those of the admission stand


def test_a_call_that_another_model_served_says_which(desk):
    ending = Ending("acme", Usage(), Cost(), 200, "done", price_card_id="card", model_id="acme/large")

    facts = {**base_facts(desk.call(10)), **final_facts(ending)}

    assert (facts["model_id"], facts["price_card_id"]) == ("acme/large", "card")


def test_an_orphan_is_estimated_from_what_it_last_reported():
    facts = orphan_facts(upstream_n=30, output_tokens=9, duration_ms=1200)

    assert (facts["reason"], facts["status"], facts["estimated"]) == ("orphaned", 500, True)
    assert (facts["upstream_n"], facts["output_tokens"], facts["duration_ms"]) == (30, 9, 1200)


def test_a_call_has_produced_nothing_until_it_says_so():
    assert Progress(None).cost == Cost(0, 0)
