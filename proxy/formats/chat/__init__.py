"""OpenAI's chat completions, as clients speak them."""

from collections.abc import Mapping
from typing import Any

from proxy.conversation import Ask
from proxy.formats.chat.request import read
from proxy.formats.chat.writer import ChatWriter


class Chat:
    """Reads requests that `ChatCall` has let in, and writes their answers."""

    def ask(self, fields: Mapping[str, Any], *, max_tokens: int) -> Ask:
        return read(fields, max_tokens=max_tokens)

    def writer(
        self,
        fields: Mapping[str, Any],  # noqa: ARG002  # an answer repeats nothing of them
        *,
        answer_id: str,
        model: str,
        created: int,
    ) -> ChatWriter:
        return ChatWriter(answer_id=answer_id, model=model, created=created)
