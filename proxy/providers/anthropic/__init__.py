"""The Anthropic dialect: the Messages API as a provider speaks it. Pure; no I/O."""

from proxy.conversation import Ask
from proxy.providers.anthropic.answer import AnthropicReader
from proxy.providers.anthropic.request import request_body

VERSION = "2023-06-01"
MESSAGES_PATH = "/messages"


class Anthropic:
    def path(self, model: str, *, stream: bool) -> str:  # noqa: ARG002  # both are said in the body
        return MESSAGES_PATH

    def headers(self, api_key: str) -> dict[str, str]:
        return {
            "x-api-key": api_key,
            "anthropic-version": VERSION,
            "Content-Type": "application/json",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "BazaarLink",
        }

    def request_body(self, ask: Ask, *, model: str, stream: bool) -> bytes:
        return request_body(ask, model=model, stream=stream)

    def reader(self) -> AnthropicReader:
        return AnthropicReader()
