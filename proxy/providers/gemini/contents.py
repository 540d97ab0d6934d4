"""A conversation as Gemini takes it: contents of a user and a model in turn, each of parts."""

from collections.abc import Sequence
from typing import Any

import msgspec

from proxy.conversation import Inexpressible, Media, Part, Text, Thinking, ToolResult, ToolUse, Turn
from proxy.providers.gemini.media import inline_data, media_part
from proxy.providers.gemini.models import wants_signed_calls

MAX_SHOWN = 64  # characters of an id in a message
ROLES = {"user": "user", "assistant": "model"}
NOTHING = (Text(""), Text("", cache=True), Thinking())
# What the API documents for a call that another model made, or whose signature a client did not keep.
UNSIGNED = "skip_thought_signature_validator"
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def system_instruction(system: Sequence[Text]) -> dict[str, Any] | None:
    parts = [{"text": said.text} for said in system if said.text]
    return {"parts": parts} if parts else None


def contents(turns: Sequence[Turn], *, model: str) -> list[dict[str, Any]]:
    """The turns, joined where one side goes on. What says nothing is no part: the API refuses empty text."""
    made: list[dict[str, Any]] = []
    names: dict[str, str] = {}  # of the tools, by the ids of the calls so far
    for turn in turns:
        parts = [_part(part, names) for part in turn.parts if part not in NOTHING]
        if not parts:
            continue
        if made and made[-1]["role"] == ROLES[turn.role]:
            made[-1]["parts"] += parts
        else:
            made.append({"role": ROLES[turn.role], "parts": parts})
    if not made:
        raise Inexpressible("messages", "This model needs a message of a user that says something.")
    if wants_signed_calls(model):
        for content in made:
            _sign_calls(content["parts"])
    return made


def _part(part: Part, names: dict[str, str]) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Media):
        return media_part(part)
    if isinstance(part, ToolUse):
        names[part.id] = part.name
        return _signed({"functionCall": _call(part)}, part.signature)
    if isinstance(part, ToolResult):
        return {"functionResponse": _response(part, names)}
    return _thought(part)


def _thought(thinking: Thinking) -> dict[str, Any]:
    if thinking.redacted is not None:
        raise Inexpressible(
            "messages", "Hidden thoughts are another provider's: leave redacted thinking out."
        )
    if not thinking.text:  # a signature came alone: it goes back alone
        return _signed({"text": ""}, thinking.signature)
    return _signed({"text": thinking.text, "thought": True}, thinking.signature)


def _signed(part: dict[str, Any], signature: str | None) -> dict[str, Any]:
    return {**part, "thoughtSignature": signature} if signature else part


def _call(use: ToolUse) -> dict[str, Any]:
    arguments = use.arguments if use.arguments.strip() else "{}"
    try:
        _decode(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise Inexpressible(
            "messages",
            f"The arguments of the tool call {use.id[:MAX_SHOWN]} must be a JSON object, as text.",
        ) from None
    return {"id": use.id, "name": use.name, "args": msgspec.Raw(arguments.encode())}


def _response(result: ToolResult, names: dict[str, str]) -> dict[str, Any]:
    name = names.get(result.tool_use_id)
    if name is None:
        raise Inexpressible(
            "messages", f"No message calls a tool before this result of {result.tool_use_id[:MAX_SHOWN]}."
        )
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    said: Any = texts if len(texts) > 1 else "".join(texts)
    made: dict[str, Any] = {
        "id": result.tool_use_id,
        "name": name,
        "response": {"error" if result.is_error else "output": said},
    }
    if media := [inline_data(part) for part in result.parts if isinstance(part, Media)]:
        made["parts"] = media
    return made


def _sign_calls(parts: list[dict[str, Any]]) -> None:
    """Of calls made at once, the first is signed; where none is, say that none is to be looked for."""
    calls = [part for part in parts if "functionCall" in part]
    if calls and not any("thoughtSignature" in call for call in calls):
        calls[0]["thoughtSignature"] = UNSIGNED
