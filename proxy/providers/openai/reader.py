"""Reads chat answers, whole or chunk by chunk, into the events all formats share."""

import re
from collections.abc import Iterable, Iterator

from proxy.conversation import Began, Event, Stopped, StopReason, Told
from proxy.providers.openai.blocks import Blocks
from proxy.providers.openai.chunks import Chunk, Detail, Message, read_chunk, stretches
from proxy.providers.openai.passing import clean
from proxy.providers.openai.usage import adds_up, read_usage
from proxy.sse import DONE, MalformedStream

REASONS: dict[str, StopReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "filter",
}  # any other word, "stop" among them, is the model's own end
MAX_MADE_ID = 40
_NO_ID = re.compile(r"[^A-Za-z0-9_-]")


class AnswerReader:
    """Reads one answer. Only its first choice: more than one is not asked for where answers are converted."""

    has_last_word = True

    def __init__(self) -> None:
        self.is_done = False
        self._has_begun = False
        self._has_stopped = False
        self._made_id = "call_"
        self._blocks = Blocks()

    def event(self, data: bytes) -> list[Event]:
        if data == DONE:
            return list(self._done())
        return list(self._chunk(read_chunk(data)))

    def whole(self, body: bytes) -> list[Event]:
        chunk = read_chunk(body)
        if not chunk.choices:
            raise MalformedStream("the answer has no choices")
        return [*self._chunk(chunk), *self._done()]

    def _done(self) -> Iterator[Event]:
        self.is_done = True
        yield from self._begin(None)
        yield from self._stop("", "")

    def _chunk(self, chunk: Chunk) -> Iterator[Event]:
        yield from self._begin(chunk.id)
        for choice in chunk.choices or ():
            if choice.index or self._has_stopped:
                continue
            message = choice.delta or choice.message
            if message is not None:
                yield from self._message(message)
            if choice.finish_reason:
                native = choice.native_finish_reason or choice.finish_reason
                yield from self._stop(choice.finish_reason, native)
        if (usage := read_usage(chunk.usage)) is not None:
            yield Told(usage, adds_up(chunk.usage))

    def _begin(self, answer_id: object) -> Iterator[Event]:
        if not self._has_begun:
            self._has_begun = True
            known = answer_id if isinstance(answer_id, str) and answer_id else None
            # Ids must differ from answer to answer: the client sends those of all of them back.
            self._made_id += _NO_ID.sub("", known or "")[-MAX_MADE_ID:] + "_"
            yield Began(known)

    def _message(self, message: Message) -> Iterator[Event]:
        details = message.reasoning_details or ()
        plain = message.reasoning_content or message.reasoning
        if isinstance(plain, str) and not _has_text(details):  # else it is the same, told twice
            yield from self._blocks.say("thinking", plain)
        for detail in details:
            yield from self._detail(detail)
        for kind, text in stretches(message.content):
            yield from self._blocks.say(kind, text)
        yield from self._blocks.say("refusal", message.refusal or "")
        for call in message.tool_calls or ():
            yield from self._blocks.call(call, made_id=self._made_id)

    def _detail(self, detail: Detail) -> Iterator[Event]:
        yield from self._blocks.say("thinking", detail.text or detail.summary or "", key=detail.index)
        if detail.signature:
            yield from self._blocks.sign(detail.signature, key=detail.index)
        if detail.data:
            yield from self._blocks.hidden(detail.data)

    def _stop(self, word: str, native: str) -> Iterator[Event]:
        if self._has_stopped:
            return
        self._has_stopped = True
        yield from self._blocks.end()
        reason = REASONS.get(word, "end")
        if reason == "end" and self._blocks.has_tools:  # what OpenAI says of a forced call
            reason = "tool_use"
        yield Stopped(reason, clean(native))


def _has_text(details: Iterable[Detail]) -> bool:
    return any(detail.text or detail.summary for detail in details)
