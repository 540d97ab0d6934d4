import json
from decimal import Decimal

import msgspec

from core.charging.calls import Ending
from core.errors import BadRequest, Unavailable, UpstreamFailed, WrongMethod
from core.money import Nanos
from core.rules.prices import Cost, Usage
from proxy import answers

ENDING = Ending(
    provider="p",
    usage=Usage(),
    cost=Cost(Nanos(1_000_000_001), Nanos(1_100_000_002)),
    status=200,
    reason="done",
)


def test_a_refusal_has_the_shape_and_says_when_to_come_back():
    made = answers.refusal(Unavailable("Busy. Try again.", retry_after_s=5), request_id="r")

    assert (made.status, made.headers["Retry-After"], made.headers["X-Request-Id"]) == (503, "5", "r")
    assert made.headers["Request-Id"] == "r"
    assert made.headers["Cache-Control"] == "no-store"
    assert json.loads(made.body) == {
        "error": {"message": "Busy. Try again.", "type": "unavailable_error", "code": 503}
    }


def test_a_refusal_may_name_the_field_or_its_own_code_or_the_method():
    body = json.loads(answers.refusal(BadRequest("No.", param="n", code="odd"), request_id="r").body)
    assert body["error"] == {"message": "No.", "type": "invalid_request_error", "code": "odd", "param": "n"}

    assert answers.refusal(WrongMethod("POST"), request_id="r").headers["Allow"] == "POST"


def test_usage_is_the_providers_words_with_the_exact_cost():
    stated = {
        "prompt_tokens": 9,
        "completion_tokens": 1,
        "total_tokens": 10,
        "odd": 1,
        "cost": 5,
        "cost_details": "theirs",
    }

    made = answers.usage_object(stated, Usage(input_tokens=9, output_tokens=1), ENDING, 1_100_000_002)

    usage = json.loads(answers.encode(made), parse_float=Decimal)
    assert usage["cost"] == Decimal("1.100000002")
    assert usage["cost_details"] == {
        "upstream_inference_cost": Decimal("1.000000001"),
        "fee": Decimal("0.100000001"),
    }
    assert usage["odd"] == 1


def test_usage_is_ours_where_the_provider_said_nothing_and_never_costs_more_than_was_paid():
    made = answers.usage_object(None, Usage(input_tokens=9, output_tokens=1, reasoning_tokens=1), ENDING, 500)

    usage = json.loads(answers.encode(made), parse_float=Decimal)
    assert (usage["total_tokens"], usage["completion_tokens_details"]) == (10, {"reasoning_tokens": 1})
    assert usage["cost_details"] == {"upstream_inference_cost": Decimal("0.0000005"), "fee": 0}


def test_what_went_into_reading_files_is_told_apart():
    ending = msgspec.structs.replace(ENDING, file_parser_n=1_000_000_000)
    paid, cut = answers.cost_fields(ending, 1_100_000_002), answers.cost_fields(ending, 500)

    told = [json.loads(answers.encode(made), parse_float=Decimal)["cost_details"] for made in (paid, cut)]
    assert told[0] == {
        "upstream_inference_cost": Decimal("0.000000001"),
        "file_parser": 1,
        "fee": Decimal("0.100000001"),
    }
    assert told[1] == {"upstream_inference_cost": 0, "file_parser": Decimal("0.0000005"), "fee": 0}


def test_the_error_chunk_is_a_chunk_of_the_same_answer():
    error = UpstreamFailed("It broke.", metadata={"provider_name": "p", "reason": "why"})

    chunk = json.loads(answers.error_chunk(error, answer_id="a", model="m", usage={}, provider="p"))

    assert chunk["object"] == "chat.completion.chunk"
    assert chunk["choices"][0]["finish_reason"] == "error"
    assert chunk["choices"][0]["error"] == {
        "code": 502,
        "message": "It broke.",
        "metadata": {"provider_name": "p", "raw": "why"},
    }


def test_a_refusal_has_the_shape_of_its_format():
    def shape(refused, *, request_id):
        return {"said": refused.message, "of": request_id}

    made = answers.refusal(UpstreamFailed("No."), request_id="id", shape=shape)

    assert (made.status, json.loads(made.body)) == (502, {"said": "No.", "of": "id"})
