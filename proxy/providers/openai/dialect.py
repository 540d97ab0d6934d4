"""Calls to OpenAI-compatible providers, written from what is asked in nobody's words."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.conversation import Ask, Inexpressible, Reasoning, Shape, Tool, ToolChoice
from proxy.providers.openai.calls import CHAT_PATH, headers
from proxy.providers.openai.messages import MessageWriter
from proxy.providers.openai.reader import AnswerReader

CHOICES = {"auto": "auto", "none": "none", "any": "required"}
# A budget of thought has no field here, only words: the least of them that is not clearly too little.
EFFORTS = ((2_048, "low"), (8_192, "medium"))
MOST_EFFORT = "high"
PLAIN = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "user")
BEYOND = ("top_k", "min_p")  # OpenAI knows none of them, most others do
UNNAMED = "answer"  # a schema must have a name


class OpenAI(msgspec.Struct, frozen=True):
    """`limit` is the field a model wants its bound in. A strict provider knows only what OpenAI knows."""

    limit: str = "max_tokens"
    strict: bool = False

    def path(self, model: str, *, stream: bool) -> str:  # noqa: ARG002  # other dialects name them there
        return CHAT_PATH

    def headers(self, api_key: str) -> Mapping[str, str]:
        return headers(api_key)

    def request_body(self, ask: Ask, *, model: str, stream: bool) -> bytes:
        writer = MessageWriter(strict=self.strict)
        body: dict[str, Any] = {"model": model, "messages": writer.messages(ask), self.limit: ask.max_tokens}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        body |= {name: value for name in PLAIN if (value := getattr(ask, name)) is not None}
        body |= self._beyond(ask)
        if ask.stop:
            body["stop"] = ask.stop
        if ask.tools:
            body["tools"] = [_tool(tool) | writer.cache(marked=tool.cache) for tool in ask.tools]
        if ask.tool_choice is not None:
            body["tool_choice"] = _choice(ask.tool_choice)
        if ask.parallel_tools is not None:
            body["parallel_tool_calls"] = ask.parallel_tools
        if ask.shape is not None:
            body["response_format"] = _response_format(ask.shape)
        if ask.reasoning is not None and (effort := _effort(ask.reasoning)) is not None:
            body["reasoning_effort"] = effort
        return msgspec.json.encode(body)

    def reader(self) -> AnswerReader:
        return AnswerReader()

    def _beyond(self, ask: Ask) -> dict[str, Any]:
        said = {name: value for name in BEYOND if (value := getattr(ask, name)) is not None}
        if said and self.strict:
            name = next(iter(said))
            raise Inexpressible(name, f"The provider of this model has no {name}. Leave it out.")
        return said


def _tool(tool: Tool) -> dict[str, Any]:
    said = {"description": tool.description, "parameters": tool.schema, "strict": tool.strict}
    known = {name: value for name, value in said.items() if value is not None}
    return {"type": "function", "function": {"name": tool.name, **known}}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    if choice.mode == "one":
        return {"type": "function", "function": {"name": choice.name}}
    return CHOICES[choice.mode]


def _response_format(shape: Shape) -> dict[str, Any]:
    if shape.schema is None:
        return {"type": "json_object"}
    said = {"description": shape.description, "strict": shape.strict}
    known = {name: value for name, value in said.items() if value is not None}
    return {
        "type": "json_schema",
        "json_schema": {"name": shape.name or UNNAMED, "schema": shape.schema, **known},
    }


def _effort(reasoning: Reasoning) -> str | None:
    if reasoning.is_off:
        return "none"
    if reasoning.tokens is None:
        return reasoning.effort
    if reasoning.effort is not None:
        raise Inexpressible("reasoning", "The provider of this model takes an effort or tokens, not both.")
    return next((word for most, word in EFFORTS if reasoning.tokens <= most), MOST_EFFORT)
