import pytest

from simulator.signatures import sign

SCHEMA = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
TOOLS = [{"functionDeclarations": [{"name": "weather", "parameters": SCHEMA}]}]
ANY = {"functionCallingConfig": {"mode": "ANY"}}
THOUGHTS = {"thinkingConfig": {"includeThoughts": True}}


def parts(events):
    return [event["candidates"][0]["content"]["parts"][0] for event in events]


async def test_a_plain_answer_has_the_shape_of_content(gemini):
    answer = await gemini.ask("tiny+tokens=7+cached=3+cache_write=2")

    (candidate,) = answer.pop("candidates")
    (part,) = candidate["content"].pop("parts")
    assert len(part["text"].split()) == 7
    assert candidate == {"content": {"role": "model"}, "finishReason": "STOP", "index": 0}
    assert answer == {
        "usageMetadata": {
            "promptTokenCount": 8,
            "cachedContentTokenCount": 3,
            "candidatesTokenCount": 7,
            "totalTokenCount": 15,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
        },
        "modelVersion": "tiny+tokens=7+cached=3+cache_write=2",
        "responseId": gemini.record["answer_id"],
    }


async def test_a_stream_is_these_bytes(gemini):
    raw = await gemini.raw("tiny+echo", contents=[{"parts": [{"text": "a b"}]}])

    def chunk(part, finish, candidates):
        made = f'"candidatesTokenCount":{candidates},"totalTokenCount":{7 + candidates}'
        return (
            f'data: {{"candidates":[{{"content":{{"parts":[{part}],"role":"model"}},{finish}"index":0}}],'
            f'"usageMetadata":{{"promptTokenCount":7,{made},'
            '"promptTokensDetails":[{"modality":"TEXT","tokenCount":7}]},'
            f'"modelVersion":"tiny+echo","responseId":"{gemini.record["answer_id"]}"}}\r\n\r\n'
        )

    assert raw.decode() == (
        chunk('{"text":"a"}', "", 1)
        + chunk('{"text":" b"}', "", 2)
        + chunk('{"text":""}', '"finishReason":"STOP",', 2)
    )


@pytest.mark.parametrize("model", ["tiny+tokens=2", "tiny%2Btokens%3D2"])
@pytest.mark.parametrize("stream", [False, True])
async def test_directives_stand_in_the_path_as_they_are_or_encoded(gemini, model, stream):
    async with gemini.post(model, stream=stream) as response:
        assert response.status == 200
        await response.read()

    method = "streamGenerateContent" if stream else "generateContent"
    assert gemini.record["path"] == f"/v1beta/models/tiny+tokens=2:{method}"
    assert (gemini.record["model"], gemini.record["stream"]) == ("tiny+tokens=2", stream)
    assert (gemini.record["completion_tokens"], gemini.record["tokens_sent"]) == (2, 2)


async def test_the_stable_version_answers_too(caller, gemini):
    url = f"{caller.simulator.api_base}/models/tiny:generateContent"
    body = gemini.body("tiny", False)

    async with caller.session.post(url, json=body, headers=gemini.headers) as response:
        assert response.status == 200

    assert gemini.record["path"] == "/v1/models/tiny:generateContent"


async def test_thoughts_are_parts_of_their_own(gemini):
    answer = await gemini.ask("tiny+tokens=3+reasoning=5", generationConfig=THOUGHTS)

    thought, text = answer["candidates"][0]["content"]["parts"]
    assert (thought["thought"], len(thought["text"].split())) == (True, 5)
    assert (len(text["text"].split()), text["thoughtSignature"]) == (3, sign("gemini", ""))
    assert answer["usageMetadata"]["candidatesTokenCount"] == 3
    assert answer["usageMetadata"]["thoughtsTokenCount"] == 5
    assert answer["usageMetadata"]["totalTokenCount"] == 16
    assert (gemini.record["completion_tokens"], gemini.record["tokens_sent"]) == (8, 8)


async def test_usage_grows_from_chunk_to_chunk(gemini):
    events = await gemini.events("tiny+tokens=2+reasoning=2", generationConfig=THOUGHTS)

    counts = [
        tuple(event["usageMetadata"].get(name) for name in ("thoughtsTokenCount", "candidatesTokenCount"))
        for event in events
    ]
    assert [part.get("thought") for part in parts(events)] == [True, True, None, None, None]
    assert counts == [(1, None), (2, None), (2, 1), (2, 2), (2, 2)]
    assert [event["usageMetadata"]["totalTokenCount"] for event in events] == [9, 10, 11, 12, 12]
    assert parts(events)[-1] == {"text": "", "thoughtSignature": sign("gemini", "")}


async def test_thoughts_nobody_asked_to_see_are_counted_from_the_first_chunk_on(gemini):
    events = await gemini.events("tiny+tokens=2+reasoning=5")

    assert not any("thought" in part for part in parts(events))
    assert [event["usageMetadata"]["thoughtsTokenCount"] for event in events] == [5, 5, 5]
    assert gemini.record["tokens_sent"] == 2


async def test_a_function_that_must_be_used_is_called_whole(gemini):
    events = await gemini.events("tiny+calls=2", tools=TOOLS, toolConfig=ANY, generationConfig=THOUGHTS)

    call = {"functionCall": {"name": "weather", "args": {"city": "amber"}}}
    signed = {**call, "thoughtSignature": sign("gemini", "weather")}
    assert parts(events)[12:] == [signed, call, {"text": ""}]
    assert events[-1]["candidates"][0]["finishReason"] == "STOP"
    assert gemini.record["tokens_sent"] == gemini.record["completion_tokens"] == 12 + 2 * 2


async def test_a_plain_answer_holds_all_calls(gemini):
    answer = await gemini.ask("tiny+calls=2", tools=TOOLS)

    call = {"functionCall": {"name": "weather", "args": {"city": "amber"}}}
    assert answer["candidates"][0]["content"]["parts"] == [call, call]


async def test_candidates_are_streamed_in_turn_and_thought_about_once(gemini):
    config = {**THOUGHTS, "candidateCount": 2}

    events = await gemini.events("tiny+tokens=2+reasoning=1", generationConfig=config)
    answer = await gemini.ask("tiny+tokens=2+reasoning=1", generationConfig=config)

    indexes = [[candidate["index"] for candidate in event["candidates"]] for event in events]
    assert indexes == [[0], [0], [1], [0], [1], [0, 1]]
    assert [len(candidate["content"]["parts"]) for candidate in answer["candidates"]] == [2, 1]
    assert answer["usageMetadata"]["candidatesTokenCount"] == 4


@pytest.mark.parametrize(
    ("model", "config", "reason"),
    [
        ("tiny+tokens=9", {"maxOutputTokens": 4}, "MAX_TOKENS"),
        ("tiny+tokens=9", {"stopSequences": [" "]}, "STOP"),
        ("tiny+filter", {}, "SAFETY"),
    ],
)
async def test_the_reason_is_told(gemini, model, config, reason):
    answer = await gemini.ask(model, generationConfig=config)

    assert answer["candidates"][0]["finishReason"] == reason


@pytest.mark.parametrize(
    ("key", "status", "name"), [("", 403, "PERMISSION_DENIED"), ("revoked", 400, "INVALID_ARGUMENT")]
)
async def test_a_caller_needs_a_good_key(gemini, key, status, name):
    found, body = await gemini.refused(headers={"x-goog-api-key": key})

    assert (found, body["error"]["code"], body["error"]["status"]) == (status, status, name)
    assert gemini.record["how"] == f"error:{status}"


async def test_a_revoked_key_is_named_as_the_reason(gemini):
    _, body = await gemini.refused(headers={"x-goog-api-key": "revoked"})

    assert body["error"]["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
        }
    ]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        *((400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (404, "NOT_FOUND"), (500, "INTERNAL")),
        *((503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED")),
    ],
)
async def test_an_error_has_the_name_of_its_status(gemini, status, name):
    found, body = await gemini.refused(f"tiny+status={status}")

    assert (found, body["error"]["status"]) == (status, name)


async def test_who_is_to_come_back_later_is_told_when(gemini):
    async with gemini.post("tiny+status=429+retry_after=2") as response:
        error = (await response.json())["error"]

    assert response.headers["Retry-After"] == "2"
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error["details"][0]["retryDelay"] == "2s"


async def test_a_stream_can_end_in_an_error(gemini):
    events = await gemini.events("tiny+tokens=6+error_mid=2")

    assert len(events) == 3
    assert events[-1]["error"]["status"] == "UNAVAILABLE"
    assert (gemini.record["how"], gemini.record["tokens_sent"]) == ("cut", 2)
    assert gemini.record["usage"]["candidatesTokenCount"] == 2


async def test_no_usage_is_none_in_any_chunk(gemini):
    events = await gemini.events("tiny+usage=missing")

    assert not any("usageMetadata" in event for event in events)
    assert gemini.record["usage"] is None


async def test_a_lie_is_told_in_every_chunk(gemini):
    events = await gemini.events("tiny+tokens=2+usage=x10")

    assert [event["usageMetadata"]["candidatesTokenCount"] for event in events] == [10, 20, 20]
    assert events[0]["usageMetadata"]["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": 80}]
