"""OpenAI's Responses: how its requests are read, and how answers are written for it."""

from collections.abc import Mapping
from typing import Any

from proxy.conversation import Ask
from proxy.formats.responses.ask import read_ask
from proxy.formats.responses.writer import ResponsesWriter


class Responses:
    def ask(self, fields: Mapping[str, Any], *, max_tokens: int) -> Ask:
        return read_ask(fields, max_tokens=max_tokens)

    def writer(
        self, fields: Mapping[str, Any], *, answer_id: str, model: str, created: int
    ) -> ResponsesWriter:
        """A response repeats the settings of its request."""
        return ResponsesWriter(answer_id=answer_id, model=model, created=created, asked=fields)
