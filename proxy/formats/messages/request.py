"""A request of the Messages format in nobody's words."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from core.errors import BadRequest
from proxy.conversation import Ask, Inexpressible, Reasoning, Shape, Thinking, Tool, ToolChoice, Turn
from proxy.formats.messages import wire
from proxy.formats.messages.parts import parts, texts
from proxy.formats.messages.refusals import as_refusal, no_place

_read = msgspec.json.Decoder(wire.Request).decode
EFFORTS = frozenset({"low", "medium", "high"})  # what others know of them


def read_ask(fields: Mapping[str, Any], *, max_tokens: int) -> Ask:
    """Raises BadRequest for what is malformed, and Inexpressible for what only this format can say."""
    try:
        asked = _read(msgspec.json.encode(fields))
    except msgspec.ValidationError as error:
        raise as_refusal(error) from None
    return Ask(
        system=texts(asked.system, "system"),
        turns=_turns(asked),
        tools=tuple(_tools(asked.tools or [])),
        tool_choice=_tool_choice(asked),
        parallel_tools=_parallel_tools(asked),
        shape=_shape(asked),
        max_tokens=max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=asked.top_k,
        stop=tuple(asked.stop_sequences or ()),
        reasoning=_reasoning(asked),
        user=asked.metadata.user_id if asked.metadata is not None else None,
    )


def _turns(asked: wire.Request) -> tuple[Turn, ...]:
    turns = []
    for index, message in enumerate(asked.messages):
        if message.role == "system":
            raise no_place(f"messages[{index}].role")
        turns.append(Turn(message.role, parts(message, f"messages[{index}]")))
    if asked.cache_control is not None:
        turns[-1] = _cached(turns[-1])
    return tuple(turns)


def _cached(turn: Turn) -> Turn:
    """Everything up to the last part of a turn is to be cached."""
    last = turn.parts[-1]
    if isinstance(last, Thinking):
        raise no_place("cache_control")
    return msgspec.structs.replace(turn, parts=(*turn.parts[:-1], msgspec.structs.replace(last, cache=True)))


def _tools(given: list[wire.Tool]) -> Iterator[Tool]:
    for index, tool in enumerate(given):
        path = f"tools[{index}]"
        if tool.type not in (None, "custom"):
            raise no_place(f"{path}.type")
        if tool.defer_loading:
            raise no_place(f"{path}.defer_loading")
        if tool.allowed_callers not in (None, ["direct"]):
            raise no_place(f"{path}.allowed_callers")
        if tool.input_examples:
            raise no_place(f"{path}.input_examples")
        yield Tool(
            name=tool.name,
            description=tool.description,
            schema=_object(tool.input_schema, f"{path}.input_schema"),
            strict=tool.strict,
            cache=tool.cache_control is not None,
        )


def _object(schema: msgspec.Raw, path: str) -> msgspec.Raw:
    if not bytes(schema).startswith(b"{"):  # or it is not there
        raise BadRequest(f"{path} must be an object.", param=path)
    return schema


def _tool_choice(asked: wire.Request) -> ToolChoice | None:
    match asked.tool_choice:
        case wire.AutoChoice():
            return ToolChoice("auto")
        case wire.AnyChoice():
            return ToolChoice("any")
        case wire.OneChoice(name=name):
            return ToolChoice("one", name)
        case wire.NoChoice():
            return ToolChoice("none")
        case None:
            return None


def _parallel_tools(asked: wire.Request) -> bool | None:
    """Several at once are the rule; only the exception is said."""
    choice = asked.tool_choice
    return False if choice is not None and choice.disable_parallel_tool_use else None


def _shape(asked: wire.Request) -> Shape | None:
    newer = asked.output_config.format if asked.output_config is not None else None
    older = asked.output_format
    if newer is not None and older is not None:
        raise BadRequest(
            "output_format and output_config.format are the same. Send the latter.", param="output_format"
        )
    if newer is not None:
        return Shape(_object(newer.schema, "output_config.format.schema"), strict=True)
    if older is not None:
        return Shape(_object(older.schema, "output_format.schema"), strict=True)
    return None


def _reasoning(asked: wire.Request) -> Reasoning | None:
    effort = asked.output_config.effort if asked.output_config is not None else None
    if effort is not None and effort not in EFFORTS:
        raise no_place("output_config.effort")
    match asked.thinking:
        case None:
            return Reasoning(effort) if effort is not None else None
        case wire.ThinkingOff():
            made = Reasoning(is_off=True)
        case wire.ThinkingOn(budget_tokens=tokens, display=display):
            _refuse_hiding(display)
            made = Reasoning(tokens=tokens)
        case wire.ThinkingFreely(display=display):
            _refuse_hiding(display)
            return Reasoning(effort)
    if effort is not None:
        raise Inexpressible(
            "output_config.effort",
            "output_config.effort beside this thinking cannot be told to the provider of this model: leave "
            "out one of them, or send thinking of type adaptive.",
        )
    return made


def _refuse_hiding(display: str | None) -> None:
    if display == "omitted":
        raise no_place("thinking.display")
