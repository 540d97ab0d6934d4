"""LangChain's chat model for OpenAI and what is like it."""

import json
import sys

import openai
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

URL, KEY, *KINDS = sys.argv[1:]
SAID = [("user", "How is the weather in Oslo?")]
RESULTS = ["rain in the morning", "sun at noon"]


class Thing(BaseModel):
    name: str
    size: int


@tool
def weather(city: str) -> str:
    """Tell the weather."""


def model(name, *, key=KEY):
    return ChatOpenAI(
        model=name, base_url=URL + "/v1", api_key=key, max_tokens=60, max_retries=0, stream_usage=True
    )


def counts(usage):
    return [usage["input_tokens"], usage["output_tokens"]]


def called(message):
    return [[call["name"], call["args"]] for call in message.tool_calls]


def whole(chunks):
    first, *others = chunks
    return sum(others, first)


def error(asked):
    try:
        asked.invoke(SAID)
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code]


def told(kind):
    chat = model(f"{kind}/plain")
    plain = chat.invoke(SAID)
    chunks = list(chat.stream(SAID))
    call = chat.bind_tools([weather], tool_choice="any").invoke(SAID)
    calls = whole(model(f"{kind}/calls").bind_tools([weather]).stream(SAID))
    results = [
        ToolMessage(result, tool_call_id=made["id"])
        for made, result in zip(calls.tool_calls, RESULTS, strict=True)
    ]
    after = chat.bind_tools([weather]).invoke([*SAID, calls, *results])
    return {
        "plain": plain.text,
        "usage": counts(plain.usage_metadata),
        "pieces": [chunk.text for chunk in chunks if chunk.text],
        "streamed_usage": counts(whole(chunks).usage_metadata),
        "call": called(call),
        "calls": called(calls),
        "after": after.text,
        "shaped": chat.with_structured_output(Thing, method="json_schema").invoke(SAID).model_dump(),
        "wrong_key": error(model(f"{kind}/plain", key="sk-bl-wrong")),
        "no_model": error(model(f"{kind}/none")),
    }


for kind in KINDS:
    print(json.dumps(told(kind)))
