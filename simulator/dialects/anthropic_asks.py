"""Reads Anthropic's messages request, as strictly as the real one: a field it does not know is an error."""

from collections.abc import Mapping
from typing import Any, Literal

from simulator.asks import Ask, Message, digest_of
from simulator.directives import bare_name
from simulator.fields import MOST_LIMIT, read_list, read_model, read_object, read_stops, read_whole
from simulator.refusals import Refusal
from simulator.signatures import is_signed

PROVIDER = "anthropic"
VERSION = "anthropic-version"
VERSIONS = ("2023-06-01", "2026-10-21")
MOST_STOPS = 16
LEAST_BUDGET = 1024
_FIELDS = frozenset(
    (
        *("model", "messages", "max_tokens", "system", "stream", "stop_sequences", "tools", "tool_choice"),
        *("thinking", "output_config", "metadata", "service_tier", "cache_control", "container"),
        *("inference_geo", "diagnostics", "speed"),
    )
)
_OLDER_FIELDS = _FIELDS | {"temperature", "top_p", "top_k"}


def read(body: dict[str, Any], *, named: Mapping[str, str]) -> Ask:
    """Read one request body of the version its header names; raises Refusal that names the field."""
    is_older = named.get(VERSION) == VERSIONS[0]
    for name in body.keys() - (_OLDER_FIELDS if is_older else _FIELDS):
        raise Refusal("Extra inputs are not permitted.", param=name[:100])
    model = read_model(body.get("model"))
    limit = read_whole(body, "max_tokens", least=0)
    if limit is None:
        raise Refusal("Field required.", param="max_tokens")
    form, schema, tool_name = _form(body)
    messages = _messages(body.get("messages"))
    if not is_older:
        _check_newer(body["messages"])
    return Ask(
        model=model,
        messages=(*_system(body.get("system")), *messages),
        digest=digest_of(PROVIDER, bare_name(model), body.get("system"), body["messages"], limit),
        stream=body.get("stream") is True,
        limit=limit,
        stop=read_stops(body, "stop_sequences", most=MOST_STOPS),
        form=form,
        schema=schema,
        tool_name=tool_name,
        offered=_offered(body),
        thought=_thought(body, limit),
    )


def _system(found: Any) -> tuple[Message, ...]:
    return () if found is None else (_message("system", found, param="system"),)


def _messages(found: Any) -> tuple[Message, ...]:
    if not isinstance(found, list) or not found:
        raise Refusal("At least one message is required.", param="messages")
    return tuple(_turn(message, param=f"messages.{at}") for at, message in enumerate(found))


def _turn(message: Any, *, param: str) -> Message:
    if not isinstance(message, dict) or message.get("role") not in {"user", "assistant", "system"}:
        raise Refusal("A message must have the role 'user', 'assistant' or 'system'.", param=f"{param}.role")
    return _message(message["role"], message.get("content"), param=f"{param}.content")


def _message(role: str, content: Any, *, param: str) -> Message:
    if isinstance(content, str):
        return Message(role, content)
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise Refusal("The content must be a string or a list of blocks.", param=param)
    for at, block in enumerate(content):
        _check_block(block, param=f"{param}.{at}")
    texts = [block["text"] for block in content if block["type"] == "text"]
    return Message(role, "".join(texts), media_parts=len(content) - len(texts))


def _check_block(block: dict[str, Any], *, param: str) -> None:
    kind = block.get("type")
    if not isinstance(kind, str):
        raise Refusal("A block must have a type.", param=f"{param}.type")
    if kind == "text" and not isinstance(block.get("text"), str):
        raise Refusal("A block of text must have a text.", param=f"{param}.text")
    if kind == "thinking" and not is_signed(PROVIDER, str(block.get("thinking")), block.get("signature")):
        raise Refusal("Invalid 'signature' in 'thinking' block.", param=param)


def _check_newer(messages: list[dict[str, Any]]) -> None:
    """Refuse what the newer version takes no more: documents of the assistant, citations of the user."""
    for at, message in enumerate(messages):
        blocks = message["content"] if isinstance(message["content"], list) else []
        for number, block in enumerate(blocks):
            where = f"messages.{at}.content.{number}"
            if message["role"] == "assistant" and block["type"] == "document":
                raise Refusal("The assistant says no documents.", param=where)
            if message["role"] == "user" and block["type"] == "text" and block.get("citations"):
                raise Refusal("The user's texts have no citations.", param=f"{where}.citations")


Form = tuple[Literal["text", "json", "tool"], dict[str, Any] | None, str | None]


def _form(body: dict[str, Any]) -> Form:
    """Say what the answer is to be: text, JSON of a schema, or a call of a tool."""
    tool = _tool(body)
    if tool is not None:
        return "tool", read_object(tool, "input_schema"), tool["name"]
    wanted = read_object(read_object(body, "output_config"), "format", inside="output_config.")
    if not wanted:
        return "text", None, None
    if wanted.get("type") != "json_schema" or not isinstance(wanted.get("schema"), dict):
        raise Refusal(
            "The format must be of type 'json_schema', with a schema.", param="output_config.format"
        )
    return "json", wanted["schema"], None


def _offered(body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Give the first tool that may be used."""
    if read_object(body, "tool_choice").get("type") == "none":
        return None
    tools = (tool for tool in read_list(body, "tools") if isinstance(tool.get("name"), str))
    return next(((tool["name"], read_object(tool, "input_schema")) for tool in tools), None)


def _tool(body: dict[str, Any]) -> dict[str, Any] | None:
    """Give the tool the call must use: the first when any will do, or the one it names."""
    tools, choice = read_list(body, "tools"), read_object(body, "tool_choice")
    tools = [tool for tool in tools if isinstance(tool.get("name"), str)]
    if choice.get("type") not in {"any", "tool"}:
        return None
    if choice["type"] == "tool":
        tools = [tool for tool in tools if tool["name"] == choice.get("name")]
    if not tools:
        raise Refusal("The choice names no tool of 'tools'.", param="tool_choice")
    return tools[0]


def _thought(body: dict[str, Any], limit: int) -> Literal["untold", "shown", "signed"]:
    thinking = read_object(body, "thinking")
    kind = thinking.get("type", "disabled")
    if kind not in {"enabled", "adaptive", "between_tools", "disabled"}:
        raise Refusal("Use 'enabled', 'adaptive', 'between_tools' or 'disabled'.", param="thinking.type")
    if kind in {"between_tools", "disabled"}:
        return "untold"
    if read_object(body, "tool_choice").get("type") in {"any", "tool"}:
        raise Refusal("Thinking may not be enabled when a tool must be used.", param="tool_choice")
    if kind == "enabled":
        budget = read_whole(
            thinking, "budget_tokens", least=LEAST_BUDGET, most=MOST_LIMIT, inside="thinking."
        )
        if budget is None or budget >= limit:
            raise Refusal("Less than 'max_tokens' is required.", param="thinking.budget_tokens")
    return "signed" if thinking.get("display") == "omitted" else "shown"
