import pytest

from simulator.vectors import unit_vector
from tests.simulator.dialects.conftest import Provider


@pytest.fixture
def batch(caller):
    return Provider(
        caller,
        path=lambda model, stream: f"/v1beta/models/{model}:batchEmbedContents",
        headers={"x-goog-api-key": "any"},
        body=lambda model, stream: {"requests": [one(model=model)]},
    )


def one(text="Hello", *, model="tiny", **fields):
    return {"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **fields}


async def test_a_batch_has_a_vector_for_each_text_in_order(batch):
    answer = await batch.ask(
        requests=[one(outputDimensionality=4), one("Good morning", outputDimensionality=4)]
    )

    assert answer == {
        "embeddings": [{"values": unit_vector("Hello", 4)}, {"values": unit_vector("Good morning", 4)}],
        "usageMetadata": {
            "promptTokenCount": 2 + 3,
            "promptTokenDetails": [{"modality": "TEXT", "tokenCount": 5}],
        },
    }
    assert (batch.record["prompt_tokens"], batch.record["completion_tokens"]) == (5, 0)


async def test_a_vector_is_long_unless_a_shorter_one_is_wanted(batch):
    answer = await batch.ask()

    assert len(answer["embeddings"][0]["values"]) == 3072


async def test_usage_can_be_missing(batch):
    assert "usageMetadata" not in await batch.ask("tiny+usage=missing")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [one()] * 101}, "requests"),
        ({"requests": [one(), one(outputDimensionality=5)]}, "requests"),
        ({"requests": [one(model="other")]}, "requests[0].model"),
        ({"requests": [one("")]}, "requests[0].content"),
        ({"requests": [one(odd=1)]}, "requests[0].odd"),
        ({"requests": [one(outputDimensionality=0)]}, "requests[0].outputDimensionality"),
        ({"odd": 1}, "odd"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(batch, body, field):
    status, answer = await batch.refused(**body)

    assert status == 400
    assert answer["error"]["details"][0]["fieldViolations"][0]["field"] == field
