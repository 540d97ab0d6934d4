import json

import pytest

from simulator.signatures import sign

USER = {"role": "user", "parts": [{"text": "Hello"}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
IN_CAPITALS = {"type": "OBJECT", "properties": {"type": {"type": "STRING"}}, "required": ["type"]}
TOOLS = [{"functionDeclarations": [{"name": "one"}]}, {"functionDeclarations": [{"name": "two"}]}]
AS_JSON = {"responseMimeType": "application/json"}


def calling(mode, **fields):
    return {"functionCallingConfig": {"mode": mode, **fields}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": "Hello"}, "contents"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "contents[0].role"),
        ({"contents": [{"parts": []}]}, "contents[0].parts"),
        ({"contents": [{"parts": ["x"]}]}, "contents[0].parts"),
        ({"systemInstruction": "Be brief."}, "systemInstruction.parts"),
        ({"max_tokens": 5}, "maxTokens"),
        ({"generationConfig": []}, "generationConfig"),
        ({"generationConfig": {"max_tokens": 5}}, "generationConfig.maxTokens"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"candidateCount": 9}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"stopSequences": ["a"] * 6}}, "generationConfig.stopSequences"),
        ({"generationConfig": {"responseSchema": SCHEMA}}, "generationConfig.responseMimeType"),
        (
            {"generationConfig": {**AS_JSON, "responseSchema": SCHEMA, "responseJsonSchema": SCHEMA}},
            "generationConfig.responseSchema",
        ),
        ({"toolConfig": calling("ANY")}, "toolConfig.functionCallingConfig"),
        (
            {"tools": TOOLS, "toolConfig": calling("ANY", allowedFunctionNames=["three"])},
            "toolConfig.functionCallingConfig",
        ),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(gemini, fields, param):
    status, body = await gemini.refused(**fields)

    assert (status, body["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert body["error"]["details"][0]["fieldViolations"][0]["field"] == param


async def test_names_may_be_spelled_either_way(gemini):
    answer = await gemini.ask(
        "tiny+tokens=9",
        system_instruction={"parts": [{"text": "Be brief."}]},
        generation_config={"max_output_tokens": 4, "thinkingConfig": {"include_thoughts": False}},
    )

    assert answer["usageMetadata"]["candidatesTokenCount"] == 4


async def test_what_the_caller_has_named_keeps_its_spelling(gemini):
    schema = {"type": "object", "properties": {"city_name": {"type": "string"}}, "required": ["city_name"]}
    tools = [{"function_declarations": [{"name": "weather", "parameters_json_schema": schema}]}]

    answer = await gemini.ask(tools=tools, tool_config={"function_calling_config": {"mode": "ANY"}})

    (part,) = answer["candidates"][0]["content"]["parts"]
    assert part["functionCall"]["args"] == {"city_name": "amber"}


async def test_an_unknown_method_is_a_404(caller, gemini):
    url = f"{caller.simulator.gemini_base}/models/tiny:countTokens"

    async with caller.session.post(url, json={}, headers=gemini.headers) as response:
        assert response.status == 404
        assert "streamGenerateContent" in (await response.json())["error"]["message"]


async def test_a_stream_of_anything_but_events_is_refused(caller, gemini):
    url = f"{caller.simulator.gemini_base}/models/tiny:streamGenerateContent"

    async with caller.session.post(url, json={"contents": [USER]}, headers=gemini.headers) as response:
        assert response.status == 400
        assert "alt=sse" in (await response.json())["error"]["message"]


async def test_a_name_that_is_too_long_is_refused(gemini):
    status, body = await gemini.refused("x" * 301)

    assert (status, body["error"]["details"][0]["fieldViolations"][0]["field"]) == (400, "model")


async def test_system_and_parts_are_counted_by_kind(gemini):
    parts = [{"text": "12345"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]

    answer = await gemini.ask(systemInstruction={"parts": [{"text": "1234"}]}, contents=[{"parts": parts}])

    assert answer["usageMetadata"]["promptTokenCount"] == 2 + (4 + 1) + (4 + 2 + 85)


@pytest.mark.parametrize(
    ("config", "answer"),
    [
        ({"responseSchema": IN_CAPITALS}, {"type": "amber"}),
        ({"responseJsonSchema": SCHEMA}, {"city": "amber"}),
    ],
)
async def test_json_of_a_schema_is_text(gemini, config, answer):
    found = await gemini.ask(generationConfig={**AS_JSON, **config})

    assert json.loads(found["candidates"][0]["content"]["parts"][0]["text"]) == answer


async def test_json_without_a_schema_is_an_object(gemini):
    found = await gemini.ask(generationConfig=AS_JSON)

    assert list(json.loads(found["candidates"][0]["content"]["parts"][0]["text"])) == ["answer"]


async def test_only_allowed_functions_are_called(gemini):
    answer = await gemini.ask(tools=TOOLS, toolConfig=calling("ANY", allowedFunctionNames=["two"]))

    (part,) = answer["candidates"][0]["content"]["parts"]
    assert part == {"functionCall": {"name": "two", "args": {}}}


@pytest.mark.parametrize(("model", "mode"), [("tiny", "AUTO"), ("tiny+calls=1", "NONE")])
async def test_functions_that_may_or_must_be_left_alone_are(gemini, model, mode):
    answer = await gemini.ask(model, tools=TOOLS, toolConfig=calling(mode))

    assert "text" in answer["candidates"][0]["content"]["parts"][0]


async def test_the_schema_of_a_function_may_be_plain_json_schema(gemini):
    tools = [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": SCHEMA}]}]

    answer = await gemini.ask(tools=tools, toolConfig=calling("ANY"))

    assert answer["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == {"city": "amber"}


@pytest.mark.parametrize("budget", [0, None])
async def test_thoughts_are_told_unless_there_are_to_be_none(gemini, budget):
    thinking = {"includeThoughts": True, "thinkingBudget": budget}

    answer = await gemini.ask(generationConfig={"thinkingConfig": thinking})

    assert ("thoughtsTokenCount" in answer["usageMetadata"]) is (budget is None)


@pytest.mark.parametrize("signature", [sign("gemini", "one"), "skip_thought_signature_validator"])
async def test_a_call_may_be_sent_back_as_it_came_or_marked_as_anothers(gemini, signature):
    call = {"functionCall": {"name": "one", "args": {}}, "thoughtSignature": signature}

    answer = await gemini.ask(contents=[USER, {"role": "model", "parts": [call]}])

    assert answer["candidates"]


async def test_a_call_sent_back_with_another_signature_is_refused(gemini):
    call = {"functionCall": {"name": "one", "args": {}}, "thoughtSignature": sign("anthropic", "one")}

    status, body = await gemini.refused(contents=[USER, {"role": "model", "parts": [call]}])

    violation = body["error"]["details"][0]["fieldViolations"][0]
    assert (status, violation["field"]) == (400, "contents[1].parts[0].thoughtSignature")
