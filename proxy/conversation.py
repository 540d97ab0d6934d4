"""A call to a model and its answer in nobody's words: where a client's format and a provider's dialect meet.

A format reads a client's body into an `Ask`; a dialect writes it for its provider. A dialect reads an answer
into events; a format writes them for its client. Whole and streamed answers are the same events. Where format
and dialect are the same, nothing of this is used: bytes pass through.
"""

from typing import Literal

import msgspec

from core.rules.prices import Usage


class Inexpressible(Exception):
    """What was asked cannot be said to this provider. `param` is the field, as the client calls it."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


# ---- what is asked


class Text(msgspec.Struct, frozen=True):
    text: str
    cache: bool = False  # a provider that caches on demand is to cache up to here


class Media(msgspec.Struct, frozen=True):
    """An image, a file or a recording: by its address, or inline in base64, and then with its type."""

    kind: Literal["image", "file", "audio"]
    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    name: str | None = None
    detail: str | None = None  # how closely an image is looked at
    cache: bool = False


class ToolUse(msgspec.Struct, frozen=True):
    """A call of a tool by the model. `arguments` is the text of a JSON object, as the model wrote it."""

    id: str
    name: str
    arguments: str
    signature: str | None = None  # what a provider wants back with it, as it came
    cache: bool = False


class ToolResult(msgspec.Struct, frozen=True):
    tool_use_id: str
    parts: tuple[Text | Media, ...]
    is_error: bool = False
    cache: bool = False


class Thinking(msgspec.Struct, frozen=True):
    """What a model thought. `signature` proves it to its provider; of a hidden thought, `redacted` is all."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


Part = Text | Media | ToolUse | ToolResult | Thinking


class Turn(msgspec.Struct, frozen=True):
    """What one side says. Turns need not alternate: what a provider wants joined, its dialect joins.

    The last turn of the assistant, where it ends the conversation, is a beginning the model goes on from.
    """

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True):
    """A function the client runs. `schema` is the JSON Schema of its arguments."""

    name: str
    description: str | None = None
    schema: msgspec.Raw | None = None
    strict: bool | None = None
    cache: bool = False


class ToolChoice(msgspec.Struct, frozen=True):
    mode: Literal["auto", "none", "any", "one"] = "auto"
    name: str | None = None  # of the one


class Shape(msgspec.Struct, frozen=True):
    """The form an answer must have: any JSON object, or one of a schema."""

    schema: msgspec.Raw | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much is to be thought: by a word, by tokens, or not at all. None of them: as the model does it."""

    effort: str | None = None  # minimal, low, medium, high, xhigh, max
    tokens: int | None = None
    is_off: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One call. None is what the client did not say; then the provider's default holds."""

    system: tuple[Text, ...] = ()
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    shape: Shape | None = None
    max_tokens: int  # the bound of the call: the client's own, or ours
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning: Reasoning | None = None
    user: str | None = None  # an opaque name of the client's own user


# ---- what is answered


class Began(msgspec.Struct, frozen=True):
    """The first event. `answer_id` is the provider's."""

    answer_id: str | None = None


class BlockBegan(msgspec.Struct, frozen=True):
    """A stretch of the answer begins: running text, a thought, a refusal in words, or the call of a tool.

    Blocks are numbered from 0 in the order they begin; several may be open at once.
    """

    block: int
    kind: Literal["text", "thinking", "refusal", "tool"]
    tool_id: str = ""
    tool_name: str = ""


class Delta(msgspec.Struct, frozen=True):
    """More of a block: text, or a piece of a tool's arguments (the text of a JSON object)."""

    block: int
    text: str


class Signed(msgspec.Struct, frozen=True):
    """What a provider wants back with a thought or a tool call; a hidden thought has nothing else."""

    block: int
    signature: str
    is_redacted: bool = False


class BlockEnded(msgspec.Struct, frozen=True):
    block: int


StopReason = Literal["end", "length", "stop_sequence", "tool_use", "filter"]


class Stopped(msgspec.Struct, frozen=True):
    """Why the answer is over. `native` is the provider's own word, `sequence` the stop that was hit."""

    reason: StopReason
    native: str
    sequence: str | None = None


class Told(msgspec.Struct, frozen=True):
    """Usage as the provider states it, all of the call so far: a later one stands for the earlier."""

    usage: Usage
    adds_up: bool = True  # False: its numbers contradict each other, or earlier ones


Event = Began | BlockBegan | Delta | Signed | BlockEnded | Stopped | Told
