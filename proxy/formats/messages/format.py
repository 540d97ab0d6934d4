"""The Messages format, for models of any provider."""

from collections.abc import Mapping
from typing import Any

from proxy.conversation import Ask
from proxy.formats.messages.request import read_ask
from proxy.formats.messages.writer import MessagesWriter


class Messages:
    def ask(self, fields: Mapping[str, Any], *, max_tokens: int) -> Ask:
        return read_ask(fields, max_tokens=max_tokens)

    def writer(
        self,
        fields: Mapping[str, Any],  # noqa: ARG002  # an answer repeats nothing of them
        *,
        answer_id: str,
        model: str,
        created: int,  # noqa: ARG002  # no such field
    ) -> MessagesWriter:
        return MessagesWriter(answer_id=answer_id, model=model)
