"""The turns of a conversation as the messages of a chat request."""

from collections.abc import Iterator, Sequence
from typing import Any

from proxy.conversation import Ask, Inexpressible, Media, Part, Text, Thinking, ToolResult, ToolUse, Turn

FAILED = "Error: "  # a chat has no flag for it
AUDIO_FORMATS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "x-m4a": "m4a"}
OWN_AUDIO = ("wav", "mp3")  # what OpenAI itself takes
UNNAMED = "file"  # a file must have a name
_CACHE = {"cache_control": {"type": "ephemeral"}}


class MessageWriter:
    """Writes messages. A strict provider is told nothing but what OpenAI's own API knows.

    It then loses marks, signatures and the thoughts of earlier turns. None of them changes what it would
    answer: it caches by itself, and no signature of a chat is its own. Others are sent them all, since some
    refuse the result of a tool without the thought it was called in.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict

    def messages(self, ask: Ask) -> list[dict[str, Any]]:
        made = [{"role": "system", "content": self._content(ask.system)}] if ask.system else []
        for turn in ask.turns:
            made += self._assistant(turn) if turn.role == "assistant" else self._user(turn)
        return made

    def cache(self, *, marked: bool) -> dict[str, Any]:
        return _CACHE if marked and not self._strict else {}

    def _user(self, turn: Turn) -> Iterator[dict[str, Any]]:
        """Results of tools come first: nothing may stand between a call of tools and its results."""
        rest: list[Text | Media] = []
        for part in turn.parts:
            if isinstance(part, ToolResult):
                yield {"role": "tool", "tool_call_id": part.tool_use_id, "content": self._result(part)}
            elif isinstance(part, Text | Media):
                rest.append(part)
            else:
                raise Inexpressible("messages", "Only the assistant thinks and calls tools.")
        if rest or not turn.parts:
            yield {"role": "user", "content": self._content(rest)}

    def _result(self, result: ToolResult) -> str | list[dict[str, Any]]:
        texts = [part for part in result.parts if isinstance(part, Text)]
        if len(texts) != len(result.parts):
            raise Inexpressible(
                "messages",
                "The provider of this model takes only text as the result of a tool. Send images and files "
                "in a message of the user.",
            )
        if result.is_error:
            first = texts[0] if texts else Text("")
            texts[:1] = [Text(FAILED + first.text, cache=first.cache)]
        if result.cache:
            texts[-1:] = [Text(texts[-1].text if texts else "", cache=True)]
        return self._content(texts)

    def _assistant(self, turn: Turn) -> Iterator[dict[str, Any]]:
        kinds: dict[type[Part], list[Any]] = {Text: [], Thinking: [], ToolUse: []}
        for part in turn.parts:
            if type(part) not in kinds:
                raise Inexpressible(
                    "messages",
                    "The provider of this model takes no images, files or results of tools as said by the "
                    "assistant.",
                )
            kinds[type(part)].append(part)
        message: dict[str, Any] = {"role": "assistant"}
        if kinds[Text] or not kinds[ToolUse]:
            message["content"] = self._content(kinds[Text])
        if kinds[Thinking] and not self._strict:
            message |= _thoughts(kinds[Thinking])
        if kinds[ToolUse]:
            message["tool_calls"] = [self._call(use) for use in kinds[ToolUse]]
        yield message

    def _call(self, use: ToolUse) -> dict[str, Any]:
        call: dict[str, Any] = {
            "id": use.id,
            "type": "function",
            "function": {"name": use.name, "arguments": use.arguments},
            **self.cache(marked=use.cache),
        }
        if use.signature is not None and not self._strict:
            call["extra_content"] = {"google": {"thought_signature": use.signature}}
        return call

    def _content(self, parts: Sequence[Text | Media]) -> str | list[dict[str, Any]]:
        """Plain text where it is no more than that: many servers know no parts."""
        if not parts:
            return ""
        made = [self._part(part) for part in parts]
        first = parts[0]
        if len(parts) == 1 and isinstance(first, Text) and len(made[0]) == len(("type", "text")):
            return first.text
        return made

    def _part(self, part: Text | Media) -> dict[str, Any]:
        if isinstance(part, Text):
            return {"type": "text", "text": part.text, **self.cache(marked=part.cache)}
        kind, value = self._media(part)
        return {"type": kind, kind: value, **self.cache(marked=part.cache)}

    def _media(self, media: Media) -> tuple[str, dict[str, Any]]:
        if media.kind == "image":
            detail = {"detail": media.detail} if media.detail is not None else {}
            return "image_url", {"url": media.url or _data_uri(media), **detail}
        if media.data is None:
            raise Inexpressible(
                "messages", "The provider of this model takes files and recordings inline, not by address."
            )
        if media.kind == "file":
            return "file", {"filename": media.name or UNNAMED, "file_data": _data_uri(media)}
        kind = (media.media_type or "").rpartition("/")[2]
        form = AUDIO_FORMATS.get(kind, kind)
        if self._strict and form not in OWN_AUDIO:
            raise Inexpressible("messages", "The provider of this model takes recordings as wav or mp3.")
        return "input_audio", {"data": media.data, "format": form}


def _data_uri(media: Media) -> str:
    return f"data:{media.media_type};base64,{media.data}"


def _thoughts(thoughts: Sequence[Thinking]) -> dict[str, Any]:
    """Thoughts as most servers take them back, and with signatures as those do that sign them."""
    made: dict[str, Any] = {}
    if text := "".join(thought.text for thought in thoughts):
        made["reasoning_content"] = text
    if any(thought.signature or thought.redacted for thought in thoughts):
        made["reasoning_details"] = list(_details(thoughts))
    return made


def _details(thoughts: Sequence[Thinking]) -> Iterator[dict[str, Any]]:
    for index, thought in enumerate(thoughts):
        if thought.redacted is not None:
            yield {"type": "reasoning.encrypted", "data": thought.redacted, "index": index}
        else:
            signature = {"signature": thought.signature} if thought.signature is not None else {}
            yield {"type": "reasoning.text", "text": thought.text, **signature, "index": index}
