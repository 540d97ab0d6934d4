"""The ways from a client's format to providers' dialects: where bytes pass, and what they pass by."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from core.charging.calls import Call
from core.errors import BadRequest
from proxy.conversation import Inexpressible
from proxy.formats.chat import Chat
from proxy.formats.completions.format import Completions
from proxy.formats.format import Format
from proxy.formats.messages.format import Messages
from proxy.formats.responses.format import Responses
from proxy.meter import Meter
from proxy.model_call import ModelCall
from proxy.passages.chat import chat_passage
from proxy.passages.completions import CompletionsPassage
from proxy.passages.embeddings import EmbeddingsPassage
from proxy.passages.gemini_embeddings import GeminiEmbeddingsPassage
from proxy.passages.messages import MessagesPassage
from proxy.passages.passage import Passage
from proxy.providers import anthropic, openai
from proxy.providers.anthropic.passing import request_body as pass_on_message
from proxy.providers.gemini.embeddings import PATH as GEMINI_EMBEDDINGS
from proxy.providers.gemini.embeddings import embed_body
from proxy.providers.openai.embeddings import pass_on_embedding


class PassOn(Protocol):
    """Writes a client's own body for a provider of the same format."""

    def __call__(
        self,
        fields: Mapping[str, msgspec.Raw],
        *,
        model: str,
        stream: bool,
        max_tokens: tuple[str, int] | None,
    ) -> bytes: ...


NewPassage = Callable[[Meter, Call, ModelCall], Passage]


class Native(NamedTuple):
    """A dialect that takes a format straight, for models of one mode: as it is, or nearly.

    Where it is only nearly, a call has to be written before it is known whether that can be said.
    """

    kind: str
    path: str  # with a place for the model, where it stands there
    pass_on: PassOn
    passage: NewPassage
    mode: str = "chat"
    says_all: bool = True


class Way(NamedTuple):
    """From one format to every dialect; without a `format` to convert by, to the native ones alone.

    Dialects name fields as chat completions do; `names` says what this format calls those it calls otherwise.
    """

    format: Format | None
    natives: tuple[Native, ...] = ()
    names: Mapping[str, str] = {}

    def native(self, kind: str, mode: str) -> Native | None:
        for native in self.natives:
            if native.kind == kind and native.mode == mode:
                return native
        return None

    def refused(self, error: Inexpressible) -> BadRequest:
        """What cannot be said, by the name the client knows it by."""
        name = self.names.get(error.param, error.param)
        return BadRequest(str(error) if name == error.param else f"{name}: {error}", param=name)


def _whatever_was_asked(passage: Callable[[Meter, Call], Passage]) -> NewPassage:
    return lambda meter, call, _asked: passage(meter, call)


CHAT = Way(
    Chat(),
    (Native("openai", openai.CHAT_PATH, openai.request_body, chat_passage),),
)
COMPLETIONS = Way(
    Completions(),
    (
        Native(
            "openai", openai.COMPLETIONS_PATH, openai.request_body, CompletionsPassage.of, mode="completion"
        ),
    ),
    names={"messages": "prompt"},
)
MESSAGES = Way(
    Messages(),
    (Native("anthropic", anthropic.MESSAGES_PATH, pass_on_message, _whatever_was_asked(MessagesPassage)),),
    names={
        "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
        "reasoning": "thinking",
        "response_format": "output_config.format",
        "stop": "stop_sequences",
    },
)
EMBEDDINGS = Way(
    None,
    (
        Native("openai", openai.EMBEDDINGS_PATH, pass_on_embedding, EmbeddingsPassage.of, mode="embedding"),
        Native(
            "gemini",
            GEMINI_EMBEDDINGS,
            embed_body,
            GeminiEmbeddingsPassage.of,
            mode="embedding",
            says_all=False,
        ),
    ),
)
RESPONSES = Way(Responses(), names={"messages": "input", "response_format": "text.format"})
