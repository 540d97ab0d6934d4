"""A call as the engine sees it, whatever dialect it came in."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

TOKENS_PER_MEDIA_PART = 85
TOKENS_PER_MESSAGE = 4
TOKENS_PER_PROMPT = 2
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its text parts joined, and how many parts of other kinds it has."""

    role: str
    text: str
    media_parts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is to be produced. `limit` is the most completion tokens for each choice; None is no limit.

    A tool that must be used is `tool_name`, with its `schema`; one that may be is `offered`, with both.

    `prompt_tokens` is the count of a provider that counts no messages; `thought` is how the client is told
    what was thought: not at all, in words with a signature, or by the signature alone.
    """

    model: str
    messages: tuple[Message, ...]
    digest: bytes
    stream: bool = False
    include_usage: bool = False
    choices: int = 1
    limit: int | None = None
    stop: tuple[str, ...] = ()
    form: Literal["text", "json", "tool"] = "text"
    schema: dict[str, Any] | None = None
    tool_name: str | None = None
    offered: tuple[str, dict[str, Any]] | None = None
    prompt_tokens: int | None = None
    thought: Literal["untold", "shown", "signed"] = "untold"
    repeats_prompt: bool = False
    dimensions: int = 0
    is_packed: bool = False


def digest_of(*parts: object) -> bytes:
    """Give the digest that an answer follows from: equal parts, equal answer."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def prompt_tokens(messages: Iterable[Message]) -> int:
    """Count a prompt: a quarter of each message's bytes rounded up, 4 a message, 85 a media part, and 2."""
    return TOKENS_PER_PROMPT + sum(_message_tokens(message) for message in messages)


def _message_tokens(message: Message) -> int:
    size = len(message.text.encode(errors="surrogatepass"))
    text_tokens = -(-size // BYTES_PER_TOKEN)
    return text_tokens + TOKENS_PER_MESSAGE + TOKENS_PER_MEDIA_PART * message.media_parts
