"""A request for a completion as it came in: read strictly, its content left as it is."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import BadRequest
from core.rules.reserve import InputSize, measure_texts, output_bound, texts_size
from proxy.chat_call import MAX_CHOICES, refuse_extra_costs
from proxy.formats.texts import read_texts
from proxy.model_call import (
    MAX_OUTPUT,
    ModelCall,
    other_bytes,
    read_document,
    read_echo,
    read_flag,
    read_model,
    read_whole,
    refuse_not_yet,
)
from proxy.routing.preferences import read_fallbacks, read_preferences
from proxy.thinking import asks_to_think

MAX_PROMPTS = 20
MAX_LOGPROBS = 5
DEFAULT_TOKENS = 16  # what has always held for this endpoint where the client does not say


class CompletionsCall(ModelCall, frozen=True, kw_only=True):
    """A request to go on with a text. `echoed_bytes`: how much of the answer is no output but the prompts."""

    MODES = ("completion", "chat")

    echoed_bytes: int

    @classmethod
    def parse(cls, body: bytes) -> "CompletionsCall":
        """Read a request body. Raises BadRequest naming the field that is wrong."""
        document, fields = read_document(body, holding="prompt")
        refuse_not_yet(document)
        refuse_extra_costs(document)
        _refuse_what_is_chats(document)
        _check_logprobs(document)
        model = read_model(document)
        prompts = read_texts(document, "prompt", most=MAX_PROMPTS)
        each = read_whole(document, "n", high=MAX_CHOICES) or 1
        content = measure_texts(prompts, other_bytes=_unread_bytes(fields))
        echoed_bytes = content.text_bytes * each if read_flag(document, "echo") else 0
        content.text_bytes += _suffix_bytes(document) * len(prompts)
        return cls(
            model=model,
            stream=read_flag(document, "stream"),
            max_tokens=read_whole(document, "max_tokens", high=MAX_OUTPUT),
            max_tokens_name="max_tokens",
            choices=each * len(prompts),
            content=content,
            fields=fields,
            echo_upstream_body=read_echo(document),
            asks_to_think=asks_to_think(document),
            preferences=read_preferences(document),
            fallbacks=read_fallbacks(document, model),
            echoed_bytes=echoed_bytes,
        )

    def input_size(self, context: int | None, *, image_tokens: int | None = None) -> InputSize:  # noqa: ARG002  # text
        return texts_size(self.content, context=context)

    def output_bound(self, *, model_max: int | None, context: int | None, cap: int) -> int:
        asked = self.max_tokens or DEFAULT_TOKENS
        return output_bound(asked=asked, model_max=model_max, context=context, cap=cap)


def _unread_bytes(fields: Mapping[str, msgspec.Raw]) -> int:
    return other_bytes({name: raw for name, raw in fields.items() if name != "suffix"}, beside="prompt")


def _suffix_bytes(document: Mapping[str, Any]) -> int:
    """The size of what is to come after each answer: the model reads it as it reads the prompt."""
    suffix = document.get("suffix")
    if suffix is not None and not isinstance(suffix, str):
        raise BadRequest("suffix must be text.", param="suffix")
    return measure_texts([suffix or ""], other_bytes=0).text_bytes


def _refuse_what_is_chats(document: Mapping[str, Any]) -> None:
    """Refuse the newer name of the bound: a provider that knows it here might go by it, and not by ours."""
    if document.get("max_completion_tokens") is not None:
        raise BadRequest(
            "Completions have no max_completion_tokens. Send max_tokens.", param="max_completion_tokens"
        )


def _check_logprobs(document: Mapping[str, Any]) -> None:
    wanted = document.get("logprobs")
    if wanted is not None and (type(wanted) is not int or not 0 <= wanted <= MAX_LOGPROBS):
        raise BadRequest(f"logprobs must be a whole number from 0 to {MAX_LOGPROBS}.", param="logprobs")
