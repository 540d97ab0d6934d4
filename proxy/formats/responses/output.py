"""The output of a response: an item for each block of the answer, and the events that tell of them."""

from collections.abc import Iterator
from typing import Any

from proxy.conversation import BlockBegan, BlockEnded, Delta, Event, Signed
from proxy.formats.responses.output_items import KINDS, Item, Said


class Output:
    """What was answered so far.

    That a block has ended is told only with what comes next: if it is the end, and one for want of room, then
    the last block is cut, and its item is not complete.
    """

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self._items: dict[int, Item] = {}
        self._ended: Item | None = None

    def take(self, event: Event) -> Iterator[Said]:
        """What an event of the answer tells the client, at once or by and by."""
        if isinstance(event, Delta):
            if event.text:
                yield from self._items[event.block].grow(event.text)
        elif isinstance(event, BlockBegan):
            yield from self._release()
            made = KINDS[event.kind](event, index=len(self._items), answer=self._answer)
            self._items[event.block] = made
            yield from made.begin()
        elif isinstance(event, Signed):
            self._items[event.block].sign(event.signature, is_redacted=event.is_redacted)
        elif isinstance(event, BlockEnded):
            yield from self._release()
            self._ended = self._items[event.block]

    def stop(self, *, is_cut: bool) -> Iterator[Said]:
        """End what is not ended: of a cut answer, the last of it is incomplete."""
        self._ended = None
        going = [item for item in self._items.values() if item.status == "in_progress"]
        for item in going:
            yield from item.end("incomplete" if is_cut and item is going[-1] else "completed")

    def break_off(self) -> None:
        """Nothing more comes: what was not ended never will be."""
        for item in self._items.values():
            if item.status == "in_progress":
                item.status = "incomplete"

    def written(self) -> list[dict[str, Any]]:
        return [item.written() for item in self._items.values()]

    def _release(self) -> Iterator[Said]:
        ended, self._ended = self._ended, None
        if ended is not None:
            yield from ended.end("completed")
