"""Reads what a Gemini model answers: a plain answer and a chunk of a stream are one and the same object."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from core.rules.prices import Usage
from proxy.conversation import (
    Began,
    BlockBegan,
    BlockEnded,
    Delta,
    Event,
    Signed,
    Stopped,
    StopReason,
    Told,
)
from proxy.providers.gemini.usage import adds_up, read_usage
from proxy.sse import MalformedStream

MAX_FINISH_REASON = 64
MAX_ID = 24
ENDS: dict[str, StopReason] = {"STOP": "end", "MAX_TOKENS": "length"}
NO_REASON = frozenset(["", "FINISH_REASON_UNSPECIFIED"])
# The model, not what it may say, went wrong: there is no answer, and asking again may well give one.
FAILURES = frozenset(
    [
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    ]
)
READ = frozenset(["text", "thought", "thoughtSignature", "functionCall"])
_NULL = msgspec.Raw(b"null")


class _Content(msgspec.Struct):
    parts: list[dict[str, msgspec.Raw]] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    index: int | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: Any = None
    response_id: str | None = None
    error: Any = None


class _Call(msgspec.Struct):
    name: str
    id: str | None = None
    args: msgspec.Raw = _NULL


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_text = msgspec.json.Decoder(str | None).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode
_decode_call = msgspec.json.Decoder(_Call | None).decode
_decode_arguments = msgspec.json.Decoder(dict[str, Any] | None).decode


class GeminiReader:
    """Reads one answer.

    A stream has no last word: `Stopped` comes with the chunk that has a finish reason, and the end with the
    end of the connection. What a chunk may still add then is usage; that it should go on is an error.
    """

    has_last_word = False
    is_done = False

    def __init__(self) -> None:
        self._answer_id: str | None = None
        self._has_begun = False
        self._is_stopped = False
        self._block = -1  # the last that began
        self._open: Literal["text", "thinking"] | None = None  # what it is, while it goes on
        self._calls = 0
        self._told: Usage | None = None

    def event(self, data: bytes) -> list[Event]:
        try:
            data.decode()  # the decoder looks only at the fields it wants
            return self._read(_decode_answer(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedStream("a chunk is not the JSON of a Gemini answer") from error

    def whole(self, body: bytes) -> list[Event]:
        events = self.event(body)
        if not self._is_stopped:
            raise MalformedStream("the answer has no end")
        return events

    def _read(self, answer: _Answer) -> list[Event]:
        if answer.error is not None:
            raise MalformedStream("the provider reports an error")
        events: list[Event] = []
        if not self._has_begun:
            self._has_begun, self._answer_id = True, answer.response_id or None
            events.append(Began(self._answer_id))
        candidate = _only(answer.candidates)
        for part in (candidate.content and candidate.content.parts) or ():
            events += self._part(part)
        usage = read_usage(answer.usage_metadata)
        # The last one is told in any case: it is the one that stands.
        if usage is not None and (usage != self._told or candidate.finish_reason):
            self._told = usage
            events.append(Told(usage, adds_up(answer.usage_metadata)))
        return events + self._end(answer.prompt_feedback, candidate.finish_reason)

    def _part(self, part: dict[str, msgspec.Raw]) -> list[Event]:
        text = _decode_text(part.get("text", _NULL))
        call = _decode_call(part.get("functionCall", _NULL))
        signature = _decode_text(part.get("thoughtSignature", _NULL))
        is_thought = _decode_flag(part.get("thought", _NULL)) or False
        if not text and call is None and not part.keys() <= READ:
            # An image, code that was run, or what is yet to come: none of it was asked for. To leave it out
            # would be to charge for an answer, and give a part of it.
            raise MalformedStream("the answer has a part of a kind that was not asked for")
        if self._is_stopped:
            if text or call is not None:
                raise MalformedStream("the answer goes on after its end")
            return []
        events = self._say("thinking" if is_thought else "text", text) if text else []
        if call is not None:
            return events + self._use(call, signature)
        return events + (self._sign(signature, is_thought=is_thought) if signature else [])

    def _say(self, kind: Literal["text", "thinking"], text: str) -> list[Event]:
        return [*self._in(kind), Delta(self._block, text)]

    def _in(self, kind: Literal["text", "thinking"]) -> list[Event]:
        """Begin a block of this kind, unless it is the one that is open."""
        if self._open == kind:
            return []
        ended = self._ended()
        self._block, self._open = self._block + 1, kind
        return [*ended, BlockBegan(self._block, kind)]

    def _ended(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        return [BlockEnded(self._block)]

    def _sign(self, signature: str, *, is_thought: bool) -> list[Event]:
        """Give on what proves a thought. Where it came with text, or alone, it is a thought without words."""
        ended = [] if is_thought else self._ended()
        began = self._in("thinking")
        return [*ended, *began, Signed(self._block, signature), *self._ended()]

    def _use(self, call: _Call, signature: str | None) -> list[Event]:
        if not call.name:
            raise MalformedStream("the answer calls a tool without a name")
        events = self._ended()
        self._block += 1
        block, tool_id = self._block, call.id or self._made_up_id()
        self._calls += 1
        events += [BlockBegan(block, "tool", tool_id, call.name), Delta(block, _arguments(call.args))]
        if signature:
            events.append(Signed(block, signature))
        return [*events, BlockEnded(block)]

    def _made_up_id(self) -> str:
        """An id for a call that came without: another in each answer, so that a conversation has it once."""
        answer_id = "".join(c for c in self._answer_id or "" if c.isascii() and (c.isalnum() or c in "-_"))
        return f"call_{answer_id[:MAX_ID]}_{self._calls}" if answer_id else f"call_{self._calls}"

    def _end(self, feedback: _Feedback | None, finish_reason: str | None) -> list[Event]:
        """Why it is over, if it is. Any reason but two is one the provider keeps an answer back for."""
        native = (feedback.block_reason if feedback is not None else None) or finish_reason or ""
        if native in NO_REASON or self._is_stopped:
            return []
        if native in FAILURES:
            raise MalformedStream(f"the model failed to answer ({native})")
        self._is_stopped = True
        reason = ENDS.get(native, "filter")
        if reason == "end" and self._calls:
            reason = "tool_use"
        return [*self._ended(), Stopped(reason, _clean(native))]


def _only(candidates: Sequence[_Candidate] | None) -> _Candidate:
    """The one answer that was asked for; an empty one where there is none (yet)."""
    if not candidates:
        return _Candidate()
    if len(candidates) > 1 or candidates[0].index:
        raise MalformedStream("the provider gives more than one answer")
    return candidates[0]


def _arguments(args: msgspec.Raw) -> str:
    """The text of the arguments, each as it was written, without the space between them."""
    if _decode_arguments(args) is None:
        return "{}"
    return msgspec.json.format(args, indent=-1).decode()


def _clean(finish_reason: str) -> str:
    """It is booked: a text PostgreSQL refuses, such as one with NUL, would keep a call from settling."""
    return "".join(c for c in finish_reason if c.isprintable())[:MAX_FINISH_REASON]
