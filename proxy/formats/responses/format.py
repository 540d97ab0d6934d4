"""OpenAI's Responses: how its requests are read, and how answers are written for it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.conversation import Ask
from proxy.formats.responses.ask import read_ask
from proxy.formats.responses.writer import ResponsesWriter


class Responses(msgspec.Struct, frozen=True):
    """The format for one call: a response repeats the settings of its request."""

    asked: Mapping[str, Any] = {}

    def ask(self, fields: Mapping[str, Any], *, max_tokens: int) -> Ask:
        return read_ask(fields, max_tokens=max_tokens)

    def writer(self, *, answer_id: str, model: str, created: int) -> ResponsesWriter:
        return ResponsesWriter(answer_id=answer_id, model=model, created=created, asked=self.asked)
