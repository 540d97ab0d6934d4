"""A request in nobody's words: everything in it is read, or refused by name."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import BadRequest
from proxy.conversation import Ask, Reasoning, Shape, Text
from proxy.formats.responses.fields import Fields
from proxy.formats.responses.items import Conversation
from proxy.formats.responses.tools import read_choice, read_tools

# What speaks to us, and the call has read; and what changes no answer, but how well it may be cached.
OURS = (
    "model", "stream", "max_output_tokens", "store", "background", "service_tier", "debug",
    "prompt_cache_key", "models", "provider",
)  # fmt: skip
SUMMARIES = ("auto", "concise", "detailed")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_decode = msgspec.json.Decoder().decode


def read_ask(fields: Mapping[str, Any], *, max_tokens: int) -> Ask:
    asked = Fields({name: _plain(value) for name, value in fields.items()})
    for name in OURS:
        asked.take(name)
    _check_own(asked)
    _check_harmless(asked)
    said = _said(asked)
    tools = read_tools(asked)
    ask = Ask(
        system=tuple(said.system),
        turns=said.turns,
        tools=tools,
        tool_choice=read_choice(asked, tools),
        parallel_tools=asked.flag("parallel_tool_calls"),
        shape=_shape(asked),
        max_tokens=max_tokens,
        temperature=asked.number("temperature", high=2),
        top_p=asked.number("top_p", high=1),
        reasoning=_reasoning(asked),
        user=_user(asked),
    )
    asked.none_left()
    return ask


def _plain(value: Any) -> Any:
    return _decode(value) if isinstance(value, msgspec.Raw) else value


def _check_own(asked: Fields) -> None:
    """Take what is about the answer as the client gets it; the response repeats its metadata."""
    asked.inner("metadata")
    options = asked.inner("stream_options")
    if options is None:
        return
    options.flag("include_usage")  # it always is
    if options.flag("include_obfuscation"):
        raise options.foreign("include_obfuscation", "cannot be true: events are not padded here")
    options.none_left()


def _check_harmless(asked: Fields) -> None:
    """Take the fields that are let through where they ask for what is done anyway."""
    if asked.word("truncation", ("auto", "disabled")) == "auto":
        raise asked.foreign("truncation", "cannot be auto: nothing of a conversation is left out here")
    if asked.word("prompt_cache_retention", ("in_memory", "24h")) == "24h":
        raise asked.wrong("prompt_cache_retention", "has no price here but in_memory")
    if asked.number("top_logprobs", high=20):
        raise asked.foreign("top_logprobs", "cannot be told here. Leave it out")
    for index, name in enumerate(asked.entries("include") or ()):
        if name != "reasoning.encrypted_content":
            raise asked.foreign(f"include[{index}]", "cannot be told: only reasoning.encrypted_content can")


def _said(asked: Fields) -> Conversation:
    said = Conversation()
    instructions, given = asked.text("instructions"), asked.take("input")
    if instructions:
        said.system.append(Text(instructions))
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list):
        raise asked.wrong("input", "must be text or a list of items")
    said.read(Fields(item, f"input[{index}]") for index, item in enumerate(given))
    if not said.turns:
        raise asked.wrong("input", "must say something beside instructions")
    return said


def _shape(asked: Fields) -> Shape | None:
    text = asked.inner("text")
    if text is None:
        return None
    if text.word("verbosity", ("low", "medium", "high")) in {"low", "high"}:
        raise text.foreign("verbosity", "cannot be passed on but for medium. Ask for it in words")
    form = text.inner("format")
    text.none_left()
    return None if form is None else _form(form)


def _form(form: Fields) -> Shape | None:
    kind = form.word("type", ("text", "json_object", "json_schema"))
    shape: Shape | None = None
    if kind is None:
        raise form.wrong("type", "is missing")
    if kind == "json_object":
        shape = Shape()
    if kind == "json_schema":
        name, schema = form.needed_text("name"), form.json("schema")
        if schema is None:
            raise form.wrong("schema", "is missing")
        shape = Shape(schema, name, description=form.text("description"), strict=form.flag("strict"))
    form.none_left()
    return shape


def _reasoning(asked: Fields) -> Reasoning | None:
    wanted = asked.inner("reasoning")
    if wanted is None:
        return None
    effort = wanted.word("effort", EFFORTS)
    for name in (
        "summary",
        "generate_summary",
    ):  # the newer name and the older: a thought is shown in any case
        if wanted.word(name, SUMMARIES) == "concise":
            raise wanted.foreign(name, "cannot be concise: thoughts are shown as they come. Use auto")
    wanted.none_left()
    if effort is None:
        return None
    return Reasoning(is_off=True) if effort == "none" else Reasoning(effort)


def _user(asked: Fields) -> str | None:
    newer, older = asked.text("safety_identifier"), asked.text("user")
    if newer and older and newer != older:
        raise BadRequest("user and safety_identifier differ. Send one of them.", param="user")
    return newer or older
