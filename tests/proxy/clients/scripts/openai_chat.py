"""OpenAI's SDK for Python, on chat completions."""

import json
import sys

import openai
from pydantic import BaseModel

URL, KEY, *KINDS = sys.argv[1:]
MESSAGES = [{"role": "user", "content": "How is the weather in Oslo?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
RESULTS = ["rain in the morning", "sun at noon"]


class Thing(BaseModel):
    name: str
    size: int


def client(key=KEY):
    return openai.OpenAI(base_url=URL + "/v1", api_key=key, max_retries=0)


def counts(usage):
    return [usage.prompt_tokens, usage.completion_tokens]


def called(message):
    return [[call.function.name, json.loads(call.function.arguments)] for call in message.tool_calls]


def error(*, key=KEY, model):
    try:
        client(key).chat.completions.create(model=model, messages=MESSAGES)
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code]


def told(kind):
    chat = client().chat.completions
    ask = {"model": f"{kind}/plain", "messages": MESSAGES, "max_tokens": 60}
    plain = chat.create(**ask)
    chunks = list(chat.create(**ask, stream=True))
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    call = chat.create(**ask, tools=TOOLS, tool_choice="required").choices[0].message
    with chat.stream(**{**ask, "model": f"{kind}/calls"}, tools=TOOLS) as stream:
        calls = stream.get_final_completion().choices[0].message
    results = [
        {"role": "tool", "tool_call_id": made.id, "content": result}
        for made, result in zip(calls.tool_calls, RESULTS, strict=True)
    ]
    after = chat.create(**{**ask, "messages": [*MESSAGES, calls, *results]}, tools=TOOLS)
    return {
        "plain": plain.choices[0].message.content,
        "request_id": plain._request_id,
        "usage": counts(plain.usage),
        "pieces": pieces,
        "streamed_usage": counts(chunks[-1].usage),
        "call": called(call),
        "calls": called(calls),
        "after": after.choices[0].message.content,
        "shaped": chat.parse(**ask, response_format=Thing).choices[0].message.parsed.model_dump(),
        "wrong_key": error(key="sk-bl-wrong", model=f"{kind}/plain"),
        "no_model": error(model=f"{kind}/none"),
    }


for kind in KINDS:
    print(json.dumps(told(kind)))
