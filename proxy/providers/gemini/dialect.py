"""The dialect of the Gemini API (generateContent), below a base URL such as .../v1beta. Pure; no I/O."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from proxy.conversation import Ask
from proxy.providers.gemini.contents import contents, system_instruction
from proxy.providers.gemini.generation import generation_config
from proxy.providers.gemini.reader import GeminiReader
from proxy.providers.gemini.tools import tool_fields


class Gemini:
    """What is harmless to leave out, is: `user` and cache markers change nothing of an answer.

    The API has no field for who a client's own user is. It caches by itself, wherever calls begin alike: a
    marker could only ask for what is done anyway.
    """

    def path(self, model: str, *, stream: bool) -> str:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/models/{quote(model, safe='')}:{method}"  # whatever the name is, it stays one segment

    def headers(self, api_key: str) -> Mapping[str, str]:
        return {
            "x-goog-api-key": api_key,  # never in the address: that is what error texts and logs quote
            "Content-Type": "application/json",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "BazaarLink",
        }

    def request_body(self, ask: Ask, *, model: str, stream: bool) -> bytes:  # noqa: ARG002  # the path says it
        body: dict[str, Any] = {"contents": contents(ask.turns, model=model)}
        if system := system_instruction(ask.system):
            body["systemInstruction"] = system
        body.update(tool_fields(ask))
        body["generationConfig"] = generation_config(ask, model=model)
        return msgspec.json.encode(body)

    def reader(self) -> GeminiReader:
        return GeminiReader()
