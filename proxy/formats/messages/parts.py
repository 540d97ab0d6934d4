"""The blocks of a request as parts of a conversation."""

from collections.abc import Iterator, Mapping
from typing import get_args

import msgspec

from core.errors import BadRequest
from proxy.conversation import Media, Part, Text, Thinking, ToolResult, ToolUse
from proxy.formats.messages import wire
from proxy.formats.messages.refusals import no_place

SAID_BY: Mapping[str, tuple[type, ...]] = {
    "user": get_args(wire.UserBlock),
    "assistant": get_args(wire.AssistantBlock),
}


def texts(given: str | list[wire.TextBlock] | None, path: str) -> tuple[Text, ...]:
    """The system prompt."""
    if isinstance(given, str):
        return (Text(given),) if given else ()
    return tuple(_text(block, f"{path}[{index}]") for index, block in enumerate(given or ()))


def parts(message: wire.Message, path: str) -> tuple[Part, ...]:
    """What a message says. Raises BadRequest for a block its side does not say."""
    if isinstance(message.content, str):
        return (Text(message.content),)
    if not message.content:
        raise BadRequest(f"{path}.content must hold at least one block.", param=f"{path}.content")
    made: list[Part] = []
    for index, block in enumerate(message.content):
        where = f"{path}.content[{index}]"
        if not isinstance(block, SAID_BY[message.role]):
            raise BadRequest(f"{where}.type is none that the {message.role} says.", param=f"{where}.type")
        made.extend(_parts(block, where))
    return tuple(made)


def _parts(block: wire.Block, path: str) -> Iterator[Part]:
    match block:
        case wire.ToolUseBlock():
            yield _tool_use(block, path)
        case wire.ToolResultBlock():
            yield _tool_result(block, path)
        case wire.ThinkingBlock():
            yield Thinking(text=block.thinking, signature=block.signature or None)
        case wire.RedactedThinkingBlock():
            yield Thinking(redacted=block.data)
        case _:
            yield from _shown(block, path)


def _shown(block: wire.TextBlock | wire.ImageBlock | wire.DocumentBlock, path: str) -> Iterator[Text | Media]:
    match block:
        case wire.TextBlock():
            yield _text(block, path)
        case wire.ImageBlock():
            yield _image(block)
        case wire.DocumentBlock():
            yield from _document(block, path)


def _text(block: wire.TextBlock, path: str) -> Text:
    if block.citations:
        raise no_place(f"{path}.citations")
    return Text(block.text, cache=block.cache_control is not None)


def _image(block: wire.ImageBlock) -> Media:
    cache = block.cache_control is not None
    if isinstance(block.source, wire.UrlSource):
        return Media("image", url=block.source.url, cache=cache)
    return Media("image", data=block.source.data, media_type=block.source.media_type, cache=cache)


def _document(block: wire.DocumentBlock, path: str) -> Iterator[Text | Media]:
    """A file; or, where its text stands in the request, this text, below its title."""
    if block.citations is not None and block.citations.enabled:
        raise no_place(f"{path}.citations")
    if block.context:
        raise no_place(f"{path}.context")
    source, cache = block.source, block.cache_control is not None
    if isinstance(source, wire.UrlSource):
        yield Media("file", url=source.url, name=block.title, cache=cache)
    elif isinstance(source, wire.PdfSource):
        yield Media("file", data=source.data, media_type=source.media_type, name=block.title, cache=cache)
    else:
        yield from _inline(source, block.title, f"{path}.source", cache=cache)


def _inline(
    source: wire.TextSource | wire.ContentSource, title: str | None, path: str, *, cache: bool
) -> Iterator[Text | Media]:
    """The cache of a document reaches to its end, so to the last of what it holds."""
    if title:
        yield Text(title)
    if isinstance(source, wire.TextSource):
        yield Text(source.data, cache=cache)
    elif isinstance(source.content, str):
        yield Text(source.content, cache=cache)
    else:
        last = len(source.content) - 1
        for index, block in enumerate(source.content):
            for part in _shown(block, f"{path}.content[{index}]"):
                yield msgspec.structs.replace(part, cache=True) if cache and index == last else part


def _tool_use(block: wire.ToolUseBlock, path: str) -> ToolUse:
    arguments = bytes(block.input).decode()
    if not arguments.startswith("{"):
        raise BadRequest(f"{path}.input must be an object.", param=f"{path}.input")
    if block.caller is not None and block.caller.type != "direct":
        raise no_place(f"{path}.caller")
    return ToolUse(
        id=block.id,
        name=block.name,
        arguments=arguments,
        signature=block.signature,
        cache=block.cache_control is not None,
    )


def _tool_result(block: wire.ToolResultBlock, path: str) -> ToolResult:
    made: list[Text | Media] = []
    if isinstance(block.content, str):
        made = [Text(block.content)]
    else:
        for index, inner in enumerate(block.content or ()):
            made.extend(_shown(inner, f"{path}.content[{index}]"))
    return ToolResult(
        tool_use_id=block.tool_use_id,
        parts=tuple(made),
        is_error=bool(block.is_error),
        cache=block.cache_control is not None,
    )
