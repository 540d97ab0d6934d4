import base64
import struct

import pytest

from simulator.vectors import unit_vector


async def test_an_embedding_has_openais_shape(embeddings):
    answer = await embeddings.ask(dimensions=4)

    assert answer == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": unit_vector("Hello", 4)}],
        "model": "tiny",
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    }


async def test_packed_floats_are_the_same_vector(embeddings):
    plain = await embeddings.ask(dimensions=8)
    packed = await embeddings.ask(dimensions=8, encoding_format="base64")

    unpacked = struct.unpack("<8f", base64.b64decode(packed["data"][0]["embedding"]))
    assert unpacked == pytest.approx(plain["data"][0]["embedding"], abs=1e-7)


async def test_every_text_has_its_vector_in_order(embeddings):
    answer = await embeddings.ask(input=["one", "two", [5, 6]])

    assert [row["index"] for row in answer["data"]] == [0, 1, 2]
    assert [len(row["embedding"]) for row in answer["data"]] == [1536] * 3
    assert answer["usage"]["prompt_tokens"] == 1 + 1 + 2


async def test_the_record_tells_a_prompt_and_no_completion(embeddings):
    await embeddings.ask("tiny+cached=3+reasoning=7")

    record = embeddings.record
    assert (record["path"], record["how"]) == ("/v1/embeddings", "done")
    assert (record["prompt_tokens"], record["completion_tokens"], record["tokens_sent"]) == (3, 0, 0)
    assert record["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": "-"}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 4097}, "dimensions"),
        ({"encoding_format": "binary"}, "encoding_format"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(embeddings, fields, param):
    status, body = await embeddings.refused(**fields)

    assert (status, body["error"]["param"]) == (400, param)


@pytest.mark.parametrize(("directive", "status"), [("status=429", 429), ("malformed=json", 200)])
async def test_faults_strike_here_too(embeddings, directive, status):
    async with embeddings.post(f"tiny+{directive}", stream=True) as response:
        assert response.status == status

    assert embeddings.record["fault"] == directive


async def test_usage_can_be_missing(embeddings):
    assert "usage" not in await embeddings.ask("tiny+usage=missing")
