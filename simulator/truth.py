"""What really happened to every call: one JSON line each, with no word of a prompt or an answer."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.engine import Usage

KEPT = 10_000
_LONGEST_TEXT = 300


@dataclass(slots=True, kw_only=True)
class Record:
    """One call. Times are unix seconds; `completion_tokens` were made, `tokens_sent` left for the client."""

    path: str
    started: float
    request_id: str | None = None
    header_names: list[str] = field(default_factory=list)
    answer_id: str | None = None
    model: str | None = None
    stream: bool = False
    prompt_tokens: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    completion_tokens: int = 0
    tokens_sent: int = 0
    bytes_sent: int = 0
    usage: dict[str, Any] | None = None
    fault: str | None = None
    ended: float | None = None
    how: str | None = None

    def tell(self, usage: Usage) -> None:
        """Note what the answer costs in truth."""
        self.prompt_tokens, self.completion_tokens = usage.prompt, usage.completion
        self.cached, self.cache_write, self.reasoning = usage.cached, usage.cache_write, usage.reasoning

    def count(self, size: int, tokens: int) -> None:
        """Count bytes and whole tokens as handed to the socket."""
        self.bytes_sent += size
        self.tokens_sent += tokens

    def as_json(self) -> dict[str, Any]:
        """Give the record as strict JSON holds it: NaN becomes the string `NaN`."""
        told = {name: getattr(self, name) for name in Record.__slots__}
        if self.fault is not None:
            told["usage"] = json.loads(json.dumps(self.usage), parse_constant=str)
        return told


class TruthLog:
    """Keeps the latest records in memory and, given a path, appends every one to a file."""

    def __init__(self, path: Path | None, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._running: dict[int, Record] = {}
        self._ended: deque[Record] = deque(maxlen=KEPT)

    def open(self, *, path: str, request_id: str | None = None, header_names: Iterable[str] = ()) -> Record:
        record = Record(
            path=path[:_LONGEST_TEXT],
            started=self._clock(),
            request_id=None if request_id is None else request_id[:_LONGEST_TEXT],
            header_names=sorted({name.lower() for name in header_names}),
        )
        self._running[id(record)] = record
        return record

    def end(self, record: Record, how: str) -> None:
        """Close a record and write its line. The first end counts: later ones change nothing."""
        if self._running.pop(id(record), None) is None:
            return
        record.ended, record.how = self._clock(), how
        self._ended.append(record)
        if self._file is not None:
            # One write in append mode: lines of parallel processes do not mix.
            os.write(self._file, json.dumps(record.as_json()).encode() + b"\n")

    def records(self, request_id: str | None = None) -> list[dict[str, Any]]:
        """Give the ended calls, oldest first: all that are kept, or those with this request id."""
        return [
            record.as_json()
            for record in self._ended
            if request_id is None or record.request_id == request_id
        ]

    def forget(self) -> None:
        """Drop the ended records from memory; the file keeps them."""
        self._ended.clear()

    def close(self) -> None:
        """End every running record as `terminated` and close the file."""
        for record in list(self._running.values()):
            self.end(record, "terminated")
        if self._file is not None:
            os.close(self._file)
            self._file = None
