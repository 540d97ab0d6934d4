"""Reads OpenAI's chat completions request, as strictly as the real one in what the simulator uses."""

from collections.abc import Mapping
from typing import Any, Literal

from simulator.asks import Ask, Message, digest_of
from simulator.directives import bare_name
from simulator.fields import MOST_CHOICES, read_model, read_stops, read_whole
from simulator.refusals import Refusal

MOST_STOPS = 4


def read(body: dict[str, Any], *, named: Mapping[str, str]) -> Ask:  # noqa: ARG001 - the path names nothing
    """Read one request body; raises Refusal that names the parameter."""
    model = read_model(body.get("model"))
    limit = _limit(body)
    choices = read_whole(body, "n", most=MOST_CHOICES) or 1
    messages = _messages(body.get("messages"))
    form, schema, tool_name = _form(body)
    return Ask(
        model=model,
        messages=messages,
        digest=digest_of(bare_name(model), body["messages"], choices, limit, body.get("seed")),
        stream=body.get("stream") is True,
        include_usage=wants_usage(body),
        choices=choices,
        limit=limit,
        stop=read_stop(body),
        form=form,
        schema=schema,
        tool_name=tool_name,
        offered=_offered(body),
    )


def wants_usage(body: dict[str, Any]) -> bool:
    """Say whether a stream is to end with its usage."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def read_stop(body: dict[str, Any]) -> tuple[str, ...]:
    """Read the stop sequences: one string or several."""
    stop = body.get("stop")
    return read_stops({"stop": [stop]} if isinstance(stop, str) else body, "stop", most=MOST_STOPS)


def _limit(body: dict[str, Any]) -> int | None:
    newer, older = read_whole(body, "max_completion_tokens"), read_whole(body, "max_tokens")
    return older if newer is None else newer


def _messages(found: Any) -> tuple[Message, ...]:
    if not isinstance(found, list) or not found:
        raise Refusal("'messages' must be a list with at least one message.", param="messages")
    return tuple(_message(message, at=at) for at, message in enumerate(found))


def _message(message: Any, *, at: int) -> Message:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise Refusal("A message must be an object with a 'role'.", param=f"messages[{at}].role")
    content = message.get("content")
    if content is None or isinstance(content, str):
        return Message(message["role"], content or "")
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise Refusal("'content' must be a string or a list of parts.", param=f"messages[{at}].content")
    texts = [part["text"] for part in content if isinstance(part.get("text"), str)]
    return Message(message["role"], "".join(texts), media_parts=len(content) - len(texts))


Form = tuple[Literal["text", "json", "tool"], dict[str, Any] | None, str | None]


def _form(body: dict[str, Any]) -> Form:
    """Say what the answer is to be: text, JSON with or without a schema, or a call of a tool."""
    function = _function(body)
    if function is not None:
        parameters = function.get("parameters")
        return "tool", parameters if isinstance(parameters, dict) else {}, function["name"]
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "json_object":
        return "json", None, None
    if kind == "json_schema" and isinstance(wanted, dict):
        named = wanted.get("json_schema")
        schema = named.get("schema") if isinstance(named, dict) else None
        return "json", schema if isinstance(schema, dict) else None, None
    return "text", None, None


def _function(body: dict[str, Any]) -> dict[str, Any] | None:
    """Give the function the call must use: the first when one is required, or the one it names."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not isinstance(tools, list) or not (choice == "required" or isinstance(choice, dict)):
        return None
    functions = [tool["function"] for tool in tools if isinstance(tool, dict) and _is_function(tool)]
    if isinstance(choice, dict):
        named = choice.get("function")
        name = named.get("name") if isinstance(named, dict) else None
        functions = [function for function in functions if function["name"] == name]
    if not functions:
        raise Refusal("'tool_choice' names no function of 'tools'.", param="tool_choice")
    first: dict[str, Any] = functions[0]
    return first


def _offered(body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Give the first tool that may be used."""
    tools = body.get("tools")
    if not isinstance(tools, list) or body.get("tool_choice") == "none":
        return None
    for tool in tools:
        if isinstance(tool, dict) and _is_function(tool):
            parameters = tool["function"].get("parameters")
            return tool["function"]["name"], parameters if isinstance(parameters, dict) else {}
    return None


def _is_function(tool: dict[str, Any]) -> bool:
    function = tool.get("function")
    return isinstance(function, dict) and isinstance(function.get("name"), str)
