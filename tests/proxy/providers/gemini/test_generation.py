import json

import msgspec
import pytest

from proxy.conversation import Ask, Inexpressible, Media, Reasoning, Shape, Text, ToolResult, Turn
from proxy.providers.gemini.generation import generation_config

OLD, NEW = "gemini-2.5-flash", "gemini-3-pro-preview"


def made(*parts, model=NEW, **fields):
    turns = (Turn("user", (Text("hello"), *parts)),)
    return json.loads(msgspec.json.encode(generation_config(Ask(turns=turns, max_tokens=9, **fields), model=model)))  # fmt: skip


def image(detail=None, kind="image"):
    return Media(kind, data="aGk=", media_type="image/png", detail=detail)


def test_only_what_is_said_is_sent():
    assert made() == {"maxOutputTokens": 9}


def test_nought_is_something_said():
    assert made(temperature=0.0, seed=0, presence_penalty=0.0) == {
        "maxOutputTokens": 9,
        "temperature": 0.0,
        "seed": 0,
        "presencePenalty": 0.0,
    }


def test_five_stop_sequences_are_taken():
    assert made(stop=("a", "b", "c", "d", "e"))["stopSequences"] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("seed", [-(2**31), 2**31 - 1])
def test_a_seed_of_32_bits_is_taken(seed):
    assert made(seed=seed)["seed"] == seed


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"min_p": 0.1}, "min_p"),
        ({"min_p": 0.0}, "min_p"),
        ({"stop": ("a", "b", "c", "d", "e", "f")}, "stop"),
        ({"seed": 2**31}, "seed"),
        ({"seed": -(2**31) - 1}, "seed"),
        ({"reasoning": Reasoning(effort="xhigh")}, "reasoning"),
        ({"reasoning": Reasoning(effort="low", tokens=5)}, "reasoning"),
    ],
)
def test_what_the_model_has_no_word_for_is_named(fields, param):
    with pytest.raises(Inexpressible) as refused:
        made(**fields)

    assert refused.value.param == param


def test_any_json_is_asked_for_by_its_type():
    assert made(shape=Shape()) == {"maxOutputTokens": 9, "responseMimeType": "application/json"}


def test_a_schema_is_sent_as_it_came():
    schema = msgspec.Raw(b'{ "type": "object", "x": 1.0 }')

    config = generation_config(Ask(turns=(), max_tokens=9, shape=Shape(schema, name="a")), model=NEW)

    assert b'"responseJsonSchema":{ "type": "object", "x": 1.0 }' in msgspec.json.encode(config)


def test_what_an_answer_is_for_is_said_in_its_schema():
    shape = Shape(msgspec.Raw(b'{"type":"object"}'), description="A recipe")

    assert made(shape=shape)["responseJsonSchema"] == {"description": "A recipe", "type": "object"}


@pytest.mark.parametrize("schema", [b'{"description":"x"}', b"[1]", b"true"])
def test_a_description_that_has_no_place_is_refused(schema):
    with pytest.raises(Inexpressible) as refused:
        made(shape=Shape(msgspec.Raw(schema), description="A recipe"))

    assert refused.value.param == "response_format"


@pytest.mark.parametrize(
    ("reasoning", "model", "config"),
    [
        (Reasoning(), NEW, {"includeThoughts": True}),
        (Reasoning(is_off=True), NEW, {"thinkingBudget": 0}),
        (Reasoning(is_off=True), OLD, {"thinkingBudget": 0}),
        (Reasoning(tokens=2000), NEW, {"includeThoughts": True, "thinkingBudget": 2000}),
        (Reasoning(effort="minimal"), NEW, {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        (Reasoning(effort="low"), NEW, {"includeThoughts": True, "thinkingLevel": "LOW"}),
        (Reasoning(effort="medium"), NEW, {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        (Reasoning(effort="high"), NEW, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        (Reasoning(effort="minimal"), OLD, {"includeThoughts": True, "thinkingBudget": 1024}),
        (Reasoning(effort="low"), OLD, {"includeThoughts": True, "thinkingBudget": 1024}),
        (Reasoning(effort="medium"), OLD, {"includeThoughts": True, "thinkingBudget": 8192}),
        (Reasoning(effort="high"), OLD, {"includeThoughts": True, "thinkingBudget": 24576}),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(reasoning, model, config):
    assert made(reasoning=reasoning, model=model)["thinkingConfig"] == config


@pytest.mark.parametrize(
    ("parts", "resolution"),
    [
        ((image(), image("auto")), None),
        ((image("low"), image("low")), "MEDIA_RESOLUTION_LOW"),
        ((image("high"), image(kind="audio")), "MEDIA_RESOLUTION_HIGH"),
        ((ToolResult("1", (image("high"),)),), "MEDIA_RESOLUTION_HIGH"),
    ],
)
def test_how_closely_to_look_is_said_once_for_all(parts, resolution):
    assert made(*parts).get("mediaResolution") == resolution


@pytest.mark.parametrize(
    "parts",
    [
        (image("low"), image("high")),
        (image("low"), image()),
        (image("high"), image(kind="file")),
        (image("low"), ToolResult("1", (image("high"),))),
        (image("original"),),
    ],
)
def test_details_the_model_cannot_tell_apart_are_refused(parts):
    with pytest.raises(Inexpressible) as refused:
        made(*parts)

    assert refused.value.param == "messages"
