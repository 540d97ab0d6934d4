"""The items of an output, each written from one block of the answer: messages, thoughts, calls of tools."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

from proxy.conversation import BlockBegan
from proxy.formats.responses.thoughts import seal

Said = tuple[str, dict[str, Any]]  # an event: its type, and what else it says
Status = Literal["in_progress", "completed", "incomplete"]


class Item(ABC):
    """One item while it is written. Its id is made of the answer's and its place: the same each time."""

    prefix = ""

    def __init__(self, began: BlockBegan, *, index: int, answer: str) -> None:
        self.status: Status = "in_progress"
        self._began = began
        self._index = index
        self._answer = answer
        self._id = f"{self.prefix}_{answer}_{index}"
        self._pieces: list[str] = []
        self._sealed: str | None = None

    def begin(self) -> Iterator[Said]:
        yield "response.output_item.added", {"output_index": self._index, "item": self.written()}

    @abstractmethod
    def grow(self, text: str) -> Iterator[Said]: ...

    def sign(self, signature: str, *, is_redacted: bool) -> None:
        self._sealed = seal(signature, is_redacted=is_redacted)

    def end(self, status: Status) -> Iterator[Said]:
        self.status = status
        yield from self._close()
        yield "response.output_item.done", {"output_index": self._index, "item": self.written()}

    @abstractmethod
    def written(self) -> dict[str, Any]: ...

    @abstractmethod
    def _close(self) -> Iterator[Said]:
        """What is said of the inside of an item when it ends."""

    def _of_it(self, **said: Any) -> dict[str, Any]:
        return {"item_id": self._id, "output_index": self._index, **said}

    @property
    def _text(self) -> str:
        return "".join(self._pieces)


class MessageItem(Item):
    """A message of the model: one part, of text."""

    prefix = "msg"
    word = "output_text"  # of its events
    name = "text"  # of the words in them
    beside: dict[str, Any] = {"logprobs": []}  # noqa: RUF012  # written, never changed

    def begin(self) -> Iterator[Said]:
        yield from super().begin()
        yield "response.content_part.added", self._of_it(content_index=0, part=self._part(""))

    def grow(self, text: str) -> Iterator[Said]:
        self._pieces.append(text)
        yield f"response.{self.word}.delta", self._of_it(content_index=0, delta=text, **self.beside)

    def written(self) -> dict[str, Any]:
        content = [] if self.status == "in_progress" else [self._part(self._text)]
        return {
            "id": self._id,
            "type": "message",
            "status": self.status,
            "role": "assistant",
            "content": content,
        }

    def _close(self) -> Iterator[Said]:
        whole = {self.name: self._text}
        yield f"response.{self.word}.done", self._of_it(content_index=0, **whole, **self.beside)
        yield "response.content_part.done", self._of_it(content_index=0, part=self._part(self._text))

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class RefusalItem(MessageItem):
    """The same, where the model says in words that it will not answer."""

    word = name = "refusal"
    beside: dict[str, Any] = {}  # noqa: RUF012

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "refusal", "refusal": text}


class ThoughtItem(Item):
    """What the model thought, shown as a summary of one part; without a word of it there is no part."""

    prefix = "rs"

    def grow(self, text: str) -> Iterator[Said]:
        if not self._pieces:
            yield "response.reasoning_summary_part.added", self._of_it(summary_index=0, part=_summary(""))
        self._pieces.append(text)
        yield "response.reasoning_summary_text.delta", self._of_it(summary_index=0, delta=text)

    def written(self) -> dict[str, Any]:
        made: dict[str, Any] = {"id": self._id, "type": "reasoning", "status": self.status}
        made["summary"] = [_summary(self._text)] if self._pieces else []
        if self._sealed is not None:
            made["encrypted_content"] = self._sealed
        return made

    def _close(self) -> Iterator[Said]:
        if self._pieces:
            text = self._text
            yield "response.reasoning_summary_text.done", self._of_it(summary_index=0, text=text)
            yield "response.reasoning_summary_part.done", self._of_it(summary_index=0, part=_summary(text))


class CallItem(Item):
    """A call of a function of the client's. What a provider wants back with it stands as with a thought."""

    prefix = "fc"

    def grow(self, text: str) -> Iterator[Said]:
        self._pieces.append(text)
        yield "response.function_call_arguments.delta", self._of_it(delta=text)

    def written(self) -> dict[str, Any]:
        made = {
            "id": self._id,
            "type": "function_call",
            "status": self.status,
            "call_id": self._began.tool_id or f"call_{self._answer}_{self._index}",
            "name": self._began.tool_name,
            "arguments": self._text,
        }
        if self._sealed is not None:
            made["encrypted_content"] = self._sealed
        return made

    def _close(self) -> Iterator[Said]:
        if not self._pieces and self.status == "completed":
            yield from self.grow("{}")  # a call without arguments is one with none in it
        yield "response.function_call_arguments.done", self._of_it(arguments=self._text)


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}


KINDS: dict[str, type[Item]] = {
    "text": MessageItem,
    "refusal": RefusalItem,
    "thinking": ThoughtItem,
    "tool": CallItem,
}
