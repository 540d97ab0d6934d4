"""Instructor over OpenAI's SDK: answers as objects, by tools and by a schema, whole and growing."""

import json
import sys
from collections.abc import Iterable

import instructor
import openai
from instructor.core import InstructorRetryException
from pydantic import BaseModel

URL, KEY, *KINDS = sys.argv[1:]
MESSAGES = [{"role": "user", "content": "How is the weather in Oslo?"}]


class Weather(BaseModel):
    city: str


class Thing(BaseModel):
    name: str
    size: int


def client(mode, *, key=KEY):
    sdk = openai.OpenAI(base_url=URL + "/v1", api_key=key, max_retries=0)
    return instructor.from_openai(sdk, mode=mode)


def counts(usage):
    return [usage.prompt_tokens, usage.completion_tokens]


def error(*, key=KEY, model):
    try:
        client(instructor.Mode.TOOLS, key=key).create(
            model=model, messages=MESSAGES, response_model=Weather, max_retries=1
        )
    except InstructorRetryException as error:
        cause = error.__cause__
        return [type(error).__name__, type(cause).__name__, cause.status_code]


def told(kind):
    ask = {"model": f"{kind}/plain", "messages": MESSAGES, "max_tokens": 60, "max_retries": 1}
    by_tools, by_schema = client(instructor.Mode.TOOLS), client(instructor.Mode.JSON_SCHEMA)
    call, completion = by_tools.create_with_completion(**ask, response_model=Weather)
    growing = [thing.model_dump() for thing in by_tools.create_partial(**ask, response_model=Thing)]
    calls = client(instructor.Mode.PARALLEL_TOOLS).create(
        **{**ask, "model": f"{kind}/calls"}, response_model=Iterable[Weather | Thing]
    )
    return {
        "call": call.model_dump(),
        "usage": counts(completion.usage),
        "growing": growing,
        "calls": [[type(made).__name__, made.model_dump()] for made in calls],
        "shaped": by_schema.create(**ask, response_model=Thing).model_dump(),
        "wrong_key": error(key="sk-bl-wrong", model=f"{kind}/plain"),
        "no_model": error(model=f"{kind}/none"),
    }


for kind in KINDS:
    print(json.dumps(told(kind)))
