"""OpenAI's older completions, for chat models: the prompt is what a user says."""

from collections.abc import Mapping
from typing import Any

from core.errors import BadRequest
from proxy.conversation import Ask, Inexpressible, Text, Turn
from proxy.formats.chat.fields import NOTHING, Fields
from proxy.formats.chat.request import LARGEST, OURS, stops
from proxy.formats.completions.writer import CompletionsWriter

# What only a model for completions can do, with what holds anyway: said so, it says nothing.
BEYOND: Mapping[str, tuple[Any, ...]] = {"n": (1,), "echo": (False,), "suffix": ("",), "logprobs": ()}


class Completions:
    """Reads requests that `CompletionsCall` has let in, and writes their answers."""

    def ask(self, fields: Mapping[str, Any], *, max_tokens: int) -> Ask:
        left = Fields(fields)
        left.drop(*OURS)
        prompt = _prompt(left)
        for name, holding in BEYOND.items():
            if (value := left.whole_value(name)) not in NOTHING and value not in holding:
                raise Inexpressible(name, f"{name} has no meaning with a chat model. Leave it out.")
        ask = Ask(
            turns=(Turn("user", (Text(prompt),)),),
            max_tokens=max_tokens,
            temperature=left.number("temperature", 0, 2),
            top_p=left.number("top_p", 0, 1),
            top_k=left.whole("top_k", 0, LARGEST),
            min_p=left.number("min_p", 0, 1),
            frequency_penalty=left.number("frequency_penalty", -2, 2),
            presence_penalty=left.number("presence_penalty", -2, 2),
            seed=left.whole("seed", -LARGEST, LARGEST),
            stop=stops(left),
            user=left.text("user"),
        )
        left.end()
        return ask

    def writer(
        self,
        fields: Mapping[str, Any],  # noqa: ARG002  # an answer repeats nothing of them
        *,
        answer_id: str,
        model: str,
        created: int,
    ) -> CompletionsWriter:
        return CompletionsWriter(answer_id=answer_id, model=model, created=created)


def _prompt(fields: Fields) -> str:
    prompt = fields.whole_value("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        [prompt] = prompt
    if prompt is None:
        raise BadRequest("prompt is missing.", param="prompt")
    if not isinstance(prompt, str):
        raise Inexpressible("prompt", "A chat model takes one prompt, as text.")
    return prompt
