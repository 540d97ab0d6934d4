"""The OpenAI dialect: chat completions, as OpenAI and all who took them over speak them. Pure; no I/O."""

from proxy.providers.openai.calls import CHAT_PATH, COMPLETIONS_PATH, EMBEDDINGS_PATH, headers
from proxy.providers.openai.dialect import OpenAI
from proxy.providers.openai.passing import Frame, read_frame, request_body
from proxy.providers.openai.usage import adds_up, read_usage

__all__ = [
    "CHAT_PATH", "COMPLETIONS_PATH", "EMBEDDINGS_PATH", "Frame", "OpenAI", "adds_up", "headers",
    "read_frame", "read_usage", "request_body",
]  # fmt: skip
