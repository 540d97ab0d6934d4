"""Anthropic's SDK for Python."""

import json
import sys

import anthropic
from pydantic import BaseModel

URL, KEY, *KINDS = sys.argv[1:]
MESSAGES = [{"role": "user", "content": "How is the weather in Oslo?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"name": "weather", "input_schema": SCHEMA}]
RESULTS = ["rain in the morning", "sun at noon"]


class Thing(BaseModel):
    name: str
    size: int


def client(key=KEY):
    return anthropic.Anthropic(base_url=URL, api_key=key, max_retries=0)


def counts(usage):
    return [usage.input_tokens, usage.output_tokens]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def calls_of(message):
    return [block for block in message.content if block.type == "tool_use"]


def called(message):
    return [[call.name, call.input] for call in calls_of(message)]


def error(*, key=KEY, model):
    try:
        client(key).messages.create(model=model, messages=MESSAGES, max_tokens=60)
    except anthropic.APIStatusError as error:
        return [type(error).__name__, error.status_code]


def told(kind):
    messages = client().messages
    ask = {"model": f"{kind}/plain", "messages": MESSAGES, "max_tokens": 60}
    plain = messages.create(**ask)
    with messages.stream(**ask) as stream:
        pieces = list(stream.text_stream)
        streamed = stream.get_final_message()
    call = messages.create(**ask, tools=TOOLS, tool_choice={"type": "any"})
    with messages.stream(**{**ask, "model": f"{kind}/calls"}, tools=TOOLS) as stream:
        calls = stream.get_final_message()
    results = [
        {"type": "tool_result", "tool_use_id": made.id, "content": result}
        for made, result in zip(calls_of(calls), RESULTS, strict=True)
    ]
    turns = [
        *MESSAGES,
        {"role": "assistant", "content": calls.content},
        {"role": "user", "content": results},
    ]
    after = messages.create(**{**ask, "messages": turns}, tools=TOOLS)
    return {
        "plain": text_of(plain),
        "request_id": plain._request_id,
        "usage": counts(plain.usage),
        "pieces": pieces,
        "streamed_usage": counts(streamed.usage),
        "call": called(call),
        "calls": called(calls),
        "after": text_of(after),
        "shaped": messages.parse(**ask, output_format=Thing).parsed_output.model_dump(),
        "wrong_key": error(key="sk-bl-wrong", model=f"{kind}/plain"),
        "no_model": error(model=f"{kind}/none"),
    }


for kind in KINDS:
    print(json.dumps(told(kind)))
