"""A call as the Messages API takes it."""

from typing import Any

import msgspec

from proxy.conversation import Ask, Inexpressible, Shape, Tool, ToolChoice
from proxy.providers.anthropic.messages import marked, messages, text_block
from proxy.providers.anthropic.thinking import thinking

MAX_TEMPERATURE = 1
UNKNOWN = ("seed", "min_p", "frequency_penalty", "presence_penalty")
CHOICES = {"auto": "auto", "none": "none", "any": "any", "one": "tool"}
NO_ARGUMENTS = msgspec.Raw(b'{"type":"object","properties":{}}')
_encode = msgspec.json.Encoder().encode


def request_body(ask: Ask, *, model: str, stream: bool) -> bytes:
    """The body of a call. Raises Inexpressible, naming the field, for what has no place in one."""
    _refuse_unknown(ask)
    thought, effort = thinking(ask.reasoning, model=model, max_tokens=ask.max_tokens)
    optional: dict[str, Any] = {
        "system": [text_block(text) for text in ask.system if text.text or text.cache],
        "tools": [_tool(tool) for tool in ask.tools],
        "tool_choice": _tool_choice(ask),
        "stop_sequences": list(ask.stop),
        "temperature": _temperature(ask.temperature),
        "top_p": ask.top_p,
        "top_k": ask.top_k,
        "thinking": thought,
        "output_config": _output_config(effort, ask.shape),
        "metadata": None if ask.user is None else {"user_id": ask.user},
        "stream": True if stream else None,
    }
    return _encode(
        {
            "model": model,
            "max_tokens": ask.max_tokens,
            "messages": messages(ask.turns),
            **{name: value for name, value in optional.items() if value not in (None, [], {})},
        }
    )


def _refuse_unknown(ask: Ask) -> None:
    for name in UNKNOWN:
        value = getattr(ask, name)
        # A penalty of nothing asks for nothing; a seed of 0 is a seed.
        if value is not None and (value != 0 or name == "seed"):
            raise Inexpressible(name, f"{name} does not exist with this provider. Leave it out.")


def _temperature(asked: float | None) -> float | None:
    if asked is not None and asked > MAX_TEMPERATURE:
        raise Inexpressible("temperature", f"temperature goes to {MAX_TEMPERATURE} with this provider.")
    return asked


def _tool(tool: Tool) -> dict[str, Any]:
    schema = NO_ARGUMENTS if tool.schema is None else tool.schema
    written: dict[str, Any] = {"name": tool.name, "input_schema": schema}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.strict is not None:
        written["strict"] = tool.strict
    return marked(written, cache=tool.cache)


def _tool_choice(ask: Ask) -> dict[str, Any] | None:
    """Which tools may be called, and whether several at once, which is one field here."""
    # Without tools, or where none may be called, none is called beside another.
    is_single = ask.parallel_tools is False and bool(ask.tools)
    choice = ask.tool_choice or (ToolChoice() if is_single else None)
    if choice is None:
        return None
    written: dict[str, Any] = {"type": CHOICES[choice.mode]}
    if choice.mode == "one":
        written["name"] = choice.name
    if is_single and choice.mode != "none":
        written["disable_parallel_tool_use"] = True
    return written


def _output_config(effort: str | None, shape: Shape | None) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if effort is not None:
        written["effort"] = effort
    if shape is not None:
        written["format"] = {"type": "json_schema", "schema": _schema(shape)}
    return written


def _schema(shape: Shape) -> msgspec.Raw:
    """The schema of a shape. Its name is a label for the client; it is always held to, strict or not."""
    if shape.schema is None:
        raise Inexpressible(
            "response_format", "This provider answers in JSON by a schema only. Send a json_schema."
        )
    if shape.description is not None:
        raise Inexpressible(
            "response_format", "This provider takes no description beside a schema. Write it into the schema."
        )
    return shape.schema
