"""The request of the Messages format, as far as it can be said in nobody's words."""

from typing import Annotated, Any, Literal

import msgspec

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Address = Annotated[str, msgspec.Meta(pattern="^https?://")]
Sequences = list[Annotated[str, msgspec.Meta(min_length=1)]]


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object of which every field is known: what is not would be dropped without a word."""


class CacheControl(_Known, frozen=True):
    type: Literal["ephemeral"]
    ttl: Literal["5m"] | None = None


class Citations(_Known, frozen=True):
    enabled: bool = False


class Caller(_Known, frozen=True):
    type: str


# ---- where images and documents come from


class UrlSource(_Known, frozen=True, tag="url"):
    url: Address


class ImageSource(_Known, frozen=True, tag="base64"):
    data: str
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]


class PdfSource(_Known, frozen=True, tag="base64"):
    data: str
    media_type: Literal["application/pdf"]


class TextSource(_Known, frozen=True, tag="text"):
    data: str
    media_type: Literal["text/plain"]


# ---- blocks


class TextBlock(_Known, frozen=True, tag="text"):
    text: str
    cache_control: CacheControl | None = None
    citations: list[Any] | None = None


class ImageBlock(_Known, frozen=True, tag="image"):
    source: UrlSource | ImageSource
    cache_control: CacheControl | None = None


class ContentSource(_Known, frozen=True, tag="content"):
    content: str | list[TextBlock | ImageBlock]


class DocumentBlock(_Known, frozen=True, tag="document"):
    source: UrlSource | PdfSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class ToolUseBlock(_Known, frozen=True, tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw
    caller: Caller | None = None
    signature: str | None = None  # not of the format: we give it, and an SDK gives it back
    cache_control: CacheControl | None = None


class ToolResultBlock(_Known, frozen=True, tag="tool_result"):
    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class ThinkingBlock(_Known, frozen=True, tag="thinking"):
    thinking: str
    signature: str


class RedactedThinkingBlock(_Known, frozen=True, tag="redacted_thinking"):
    data: str


UserBlock = TextBlock | ImageBlock | DocumentBlock | ToolResultBlock
AssistantBlock = TextBlock | ToolUseBlock | ThinkingBlock | RedactedThinkingBlock
Block = UserBlock | AssistantBlock


class Message(_Known, frozen=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


# ---- tools, and how to think and answer


class Tool(_Known, frozen=True):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = msgspec.Raw()  # never None in its type: then nothing but null would be read
    strict: bool | None = None
    cache_control: CacheControl | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None
    input_examples: list[Any] | None = None
    eager_input_streaming: bool | None = None  # how finely its input is streamed, not what is asked


class AutoChoice(_Known, frozen=True, tag="auto"):
    disable_parallel_tool_use: bool | None = None


class AnyChoice(_Known, frozen=True, tag="any"):
    disable_parallel_tool_use: bool | None = None


class OneChoice(_Known, frozen=True, tag="tool"):
    name: str
    disable_parallel_tool_use: bool | None = None


class NoChoice(_Known, frozen=True, tag="none"):
    disable_parallel_tool_use: bool | None = None


class ThinkingOn(_Known, frozen=True, tag="enabled"):
    budget_tokens: Annotated[int, msgspec.Meta(ge=1024, le=10_000_000)]
    display: Literal["summarized", "omitted"] | None = None


class ThinkingOff(_Known, frozen=True, tag="disabled"):
    pass


class ThinkingFreely(_Known, frozen=True, tag="adaptive"):
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(_Known, frozen=True):
    type: Literal["json_schema"]
    schema: msgspec.Raw


class OutputConfig(_Known, frozen=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class Metadata(_Known, frozen=True):
    user_id: str | None = None


class Request(_Known, frozen=True, kw_only=True):
    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    max_tokens: int
    system: str | list[TextBlock] | None = None
    tools: list[Tool] | None = None
    tool_choice: AutoChoice | AnyChoice | OneChoice | NoChoice | None = None
    thinking: ThinkingOn | ThinkingOff | ThinkingFreely | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    stop_sequences: Sequences | None = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    top_k: Count | None = None
    metadata: Metadata | None = None
    cache_control: CacheControl | None = None
    # What speaks to us, or to the provider's accounts, and not to a model.
    stream: bool | None = None
    service_tier: str | None = None
    debug: Any = None
    models: Any = None
    provider: Any = None


# ---- the same, no closer than must be known of a request that its own kind of provider reads


class AnyBlock(msgspec.Struct, frozen=True):
    type: str


class AnyTextBlock(msgspec.Struct, frozen=True, tag="text"):
    text: str


class AnyMessage(msgspec.Struct, frozen=True):
    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[AnyBlock], msgspec.Meta(min_length=1)]


class AnyTool(msgspec.Struct, frozen=True):
    type: str | None = None


class AnyRequest(msgspec.Struct, frozen=True, kw_only=True):
    messages: Annotated[list[AnyMessage], msgspec.Meta(min_length=1)]
    system: str | list[AnyTextBlock] | None = None
    tools: list[AnyTool] | None = None
    tool_choice: AnyBlock | None = None
    thinking: AnyBlock | None = None
    output_config: dict[str, Any] | None = None
    output_format: AnyBlock | None = None
    metadata: dict[str, Any] | None = None
    stop_sequences: Sequences | None = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    top_k: Count | None = None
