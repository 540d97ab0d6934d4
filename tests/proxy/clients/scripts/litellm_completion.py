"""LiteLLM as a client of an API like OpenAI's."""

import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices

import litellm
import openai
from pydantic import BaseModel

litellm.suppress_debug_info = True  # else it says where to get help, between the lines of this script
URL, KEY, *KINDS = sys.argv[1:]
MESSAGES = [{"role": "user", "content": "How is the weather in Oslo?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
RESULTS = ["rain in the morning", "sun at noon"]


class Thing(BaseModel):
    name: str
    size: int


def completion(name, *, key=KEY, messages=MESSAGES, **fields):
    return litellm.completion(
        model=f"openai/{name}",
        api_base=URL + "/v1",
        api_key=key,
        messages=messages,
        max_tokens=60,
        max_retries=0,
        **fields,
    )


def streamed(name, **fields):
    """The pieces of a streamed answer, and what LiteLLM puts together of them."""
    chunks = list(completion(name, stream=True, stream_options={"include_usage": True}, **fields))
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    return pieces, litellm.stream_chunk_builder(chunks, messages=MESSAGES)


def counts(usage):
    return [usage.prompt_tokens, usage.completion_tokens]


def called(message):
    return [[call.function.name, json.loads(call.function.arguments)] for call in message.tool_calls]


def error(name, *, key=KEY):
    try:
        completion(name, key=key)
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code]


def told(kind):
    plain = completion(f"{kind}/plain")
    pieces, whole = streamed(f"{kind}/plain")
    call = completion(f"{kind}/plain", tools=TOOLS, tool_choice="required").choices[0].message
    calls = streamed(f"{kind}/calls", tools=TOOLS)[1].choices[0].message
    wanted = called(calls)  # sent back, they are what LiteLLM makes of them
    results = [
        {"role": "tool", "tool_call_id": made.id, "content": result}
        for made, result in zip(calls.tool_calls, RESULTS, strict=True)
    ]
    after = completion(f"{kind}/plain", messages=[*MESSAGES, calls, *results], tools=TOOLS)
    shaped = completion(f"{kind}/plain", response_format=Thing)
    return {
        "plain": plain.choices[0].message.content,
        "usage": counts(plain.usage),
        "pieces": pieces,
        "streamed_usage": counts(whole.usage),
        "call": called(call),
        "calls": wanted,
        "after": after.choices[0].message.content,
        "shaped": json.loads(shaped.choices[0].message.content),
        "wrong_key": error(f"{kind}/plain", key="sk-bl-wrong"),
        "no_model": error(f"{kind}/none"),
    }


for kind in KINDS:
    print(json.dumps(told(kind)))
