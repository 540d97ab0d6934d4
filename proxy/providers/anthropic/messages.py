"""The turns of a conversation as the Messages API takes them."""

from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.conversation import Inexpressible, Media, Part, Text, Thinking, ToolResult, ToolUse, Turn
from proxy.providers.anthropic.media import media_block

_decode_any = msgspec.json.Decoder().decode


def messages(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """The turns, those of one side in a row joined. Raises Inexpressible for what has no place in them."""
    joined: list[dict[str, Any]] = []
    for turn in turns:
        blocks = _blocks(turn.parts)
        if not blocks and turn.role == "user":
            raise Inexpressible("messages", "This provider takes no message without content. Leave it out.")
        if joined and joined[-1]["role"] == turn.role:
            joined[-1]["content"] += blocks
        elif blocks:  # an assistant that said nothing has no turn
            joined.append({"role": turn.role, "content": blocks})
    if not joined:
        raise Inexpressible("messages", "This provider needs a message with content.")
    return joined


def text_block(text: Text) -> dict[str, Any]:
    return marked({"type": "text", "text": text.text}, cache=text.cache)


def marked(block: dict[str, Any], *, cache: bool) -> dict[str, Any]:
    """The block, with the mark of what is to be cached up to it."""
    if cache:
        block["cache_control"] = {"type": "ephemeral"}
    return block


def _blocks(parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [_block(part) for part in parts if not _is_nothing(part)]


def _is_nothing(part: Part) -> bool:
    """Say whether a part says nothing here: text of no length, which other formats put beside tool calls; and
    a thought that nobody signed. This provider leaves out earlier thoughts itself, and believes none without
    its signature: clients that keep only the text of a thought could else not go on.
    """
    if isinstance(part, Thinking):
        return not part.signature and part.redacted is None
    return isinstance(part, Text) and not part.text and not part.cache


def _block(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return text_block(part)
        case Media():
            return marked(media_block(part), cache=part.cache)
        case ToolUse():
            return marked(_tool_use(part), cache=part.cache)
        case ToolResult():
            return marked(_tool_result(part), cache=part.cache)
        case Thinking():
            return _thinking(part)


def _tool_use(call: ToolUse) -> dict[str, Any]:
    # A signature on it is another provider's, and proves nothing but to that one.
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call)}


def _arguments(call: ToolUse) -> msgspec.Raw:
    """The arguments as they were written, if they are the JSON object this provider wants in their place."""
    text = call.arguments.strip() or "{}"
    try:
        is_object = isinstance(_decode_any(text), dict)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        is_object = False
    if not is_object:
        raise Inexpressible("messages", f"The arguments of tool call {call.id} are not a JSON object.")
    return msgspec.Raw(text.encode())


def _tool_result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.tool_use_id}
    if content := _blocks(result.parts):
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return block


def _thinking(thought: Thinking) -> dict[str, Any]:
    if thought.redacted is not None:
        return {"type": "redacted_thinking", "data": thought.redacted}
    return {"type": "thinking", "thinking": thought.text, "signature": thought.signature}
