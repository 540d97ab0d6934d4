import json

import msgspec
import pytest

from proxy.conversation import (
    Ask,
    Reasoning,
    Shape,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.providers.gemini.dialect import Gemini

HELLO = Turn("user", (Text("hello"),))


def body(ask, *, model="gemini-3-pro-preview", stream=False):
    return json.loads(Gemini().request_body(ask, model=model, stream=stream))


def test_a_plain_call_goes_to_the_model():
    assert Gemini().path("gemini-2.5-flash", stream=False) == "/models/gemini-2.5-flash:generateContent"


def test_a_stream_is_asked_for_as_events():
    path = Gemini().path("gemini-2.5-flash", stream=True)

    assert path == "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("model", "segment"),
    [
        ("../../v1/files", "..%2F..%2Fv1%2Ffiles"),
        ("a?key=b", "a%3Fkey%3Db"),
        ("a#b", "a%23b"),
        ("a:countTokens", "a%3AcountTokens"),
        ("a%2Fb", "a%252Fb"),
        ("a b\r\nc", "a%20b%0D%0Ac"),
        ("é", "%C3%A9"),
    ],
)
def test_no_name_of_a_model_leaves_its_segment_of_the_path(model, segment):
    assert Gemini().path(model, stream=False) == f"/models/{segment}:generateContent"


def test_the_key_is_a_header_and_nothing_else_says_who_we_are():
    assert Gemini().headers("secret") == {
        "x-goog-api-key": "secret",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "BazaarLink",
    }


def test_the_smallest_call():
    assert body(Ask(turns=(HELLO,), max_tokens=100)) == {
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "generationConfig": {"maxOutputTokens": 100},
    }


def test_a_stream_is_asked_with_the_same_body():
    ask = Ask(turns=(HELLO,), max_tokens=100)

    assert body(ask, stream=True) == body(ask, stream=False)


def test_a_call_with_everything_is_written_as_the_reference_says():
    schema = msgspec.Raw(b'{"type":"object","properties":{"city":{"type":"string"}}}')
    ask = Ask(
        system=(Text("Be brief."), Text("Be kind.", cache=True)),
        turns=(
            Turn("user", (Text("How warm is it in Oslo?", cache=True),)),
            Turn("assistant", (ToolUse("a1", "weather", '{"city": "Oslo"}', signature="c2ln"),)),
            Turn("user", (ToolResult("a1", (Text("21"),)),)),
        ),
        tools=(Tool("weather", description="Tells it", schema=schema),),
        tool_choice=ToolChoice("auto"),
        parallel_tools=True,
        shape=Shape(schema=msgspec.Raw(b'{"type":"object"}'), name="answer", strict=True),
        max_tokens=500,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        frequency_penalty=0.25,
        presence_penalty=-0.25,
        seed=7,
        stop=("END", "\n\n"),
        reasoning=Reasoning(effort="low"),
        user="u-1",
    )

    assert body(ask) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "How warm is it in Oslo?"}]},
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"id": "a1", "name": "weather", "args": {"city": "Oslo"}},
                        "thoughtSignature": "c2ln",
                    }
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "a1", "name": "weather", "response": {"output": "21"}}}
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "weather",
                        "description": "Tells it",
                        "parametersJsonSchema": {
                            "type": "object",
                            "properties": {"city": {"type": "string"}},
                        },
                    }
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "maxOutputTokens": 500,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "stopSequences": ["END", "\n\n"],
            "seed": 7,
            "presencePenalty": -0.25,
            "frequencyPenalty": 0.25,
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object"},
            "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
        },
    }


def test_every_answer_is_read_by_a_reader_of_its_own():
    dialect = Gemini()

    assert dialect.reader() is not dialect.reader()
    assert dialect.reader().is_done is False
