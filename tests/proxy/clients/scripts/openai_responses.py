"""OpenAI's SDK for Python, on responses."""

import json
import sys

import openai
from pydantic import BaseModel

URL, KEY, *KINDS = sys.argv[1:]
SAID = [{"role": "user", "content": "How is the weather in Oslo?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
RESULTS = ["rain in the morning", "sun at noon"]


class Thing(BaseModel):
    name: str
    size: int


def client(key=KEY):
    return openai.OpenAI(base_url=URL + "/v1", api_key=key, max_retries=0)


def counts(usage):
    return [usage.input_tokens, usage.output_tokens]


def calls_of(response):
    return [item for item in response.output if item.type == "function_call"]


def called(response):
    return [[call.name, json.loads(call.arguments)] for call in calls_of(response)]


def error(*, key=KEY, model):
    try:
        client(key).responses.create(model=model, input=SAID)
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code]


def told(kind):
    responses = client().responses
    ask = {"model": f"{kind}/plain", "input": SAID, "max_output_tokens": 60}
    plain = responses.create(**ask)
    with responses.stream(**ask) as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        streamed = stream.get_final_response()
    call = responses.create(**ask, tools=TOOLS, tool_choice="required")
    with responses.stream(**{**ask, "model": f"{kind}/calls"}, tools=TOOLS) as stream:
        calls = stream.get_final_response()
    results = [
        {"type": "function_call_output", "call_id": made.call_id, "output": result}
        for made, result in zip(calls_of(calls), RESULTS, strict=True)
    ]
    after = responses.create(**{**ask, "input": [*SAID, *calls.output, *results]}, tools=TOOLS)
    return {
        "plain": plain.output_text,
        "request_id": plain._request_id,
        "usage": counts(plain.usage),
        "pieces": pieces,
        "streamed_usage": counts(streamed.usage),
        "call": called(call),
        "calls": called(calls),
        "after": after.output_text,
        "shaped": responses.parse(**ask, text_format=Thing).output_parsed.model_dump(),
        "wrong_key": error(key="sk-bl-wrong", model=f"{kind}/plain"),
        "no_model": error(model=f"{kind}/none"),
    }


for kind in KINDS:
    print(json.dumps(told(kind)))
