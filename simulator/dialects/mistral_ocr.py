"""Mistral's OCR: a document in, its pages as Markdown out. It is never streamed.

Nothing is really read. The pages are counted as they stand in a plain PDF, each gets words that follow from
the document, and they are what this call counts instead of tokens.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from typing import Any

from simulator.asks import Ask, Message, digest_of
from simulator.dialect import Frame, Head, Told, compact, encoded
from simulator.dialects.openai import admit, failure, refuse
from simulator.engine import Answer, Usage
from simulator.fields import read_model, read_object
from simulator.lies import tell
from simulator.refusals import Refusal
from simulator.words import words

__all__ = ["admit", "failure", "new_id", "read", "refuse", "report", "stream", "whole"]

HEAD = "data:application/pdf;base64,"
WORDS_PER_PAGE = 12
_PAGE = re.compile(rb"/Type\s*/Page\b")


def new_id() -> str:
    return f"ocr_{secrets.token_hex(12)}"


def read(body: dict[str, Any], *, named: Mapping[str, str]) -> Ask:  # noqa: ARG001 - the path names nothing
    model = read_model(body.get("model"))
    document = read_object(body, "document")
    if document.get("type") != "document_url":
        raise Refusal("'document.type' must be 'document_url'.", param="document.type")
    data = _bytes(document.get("document_url"))
    pages = [_page(data, number) for number in range(1, len(_PAGE.findall(data)) + 1)]
    return Ask(model=model, messages=tuple(pages), digest=digest_of(), choices=0, prompt_tokens=len(pages))


def report(usage: Usage, *, lie: str | None) -> dict[str, Any] | None:
    return tell({"pages_processed": usage.prompt}, lie)


def whole(head: Head, ask: Ask, answer: Answer, usage: dict[str, Any] | None) -> bytes:  # noqa: ARG001
    pages = [{"index": index, "markdown": page.text} for index, page in enumerate(ask.messages)]
    body: dict[str, Any] = {"pages": pages, "model": head.model}
    if usage is not None:
        body["usage_info"] = usage
    return encoded(compact(body))


def stream(head: Head, ask: Ask, answer: Answer, told: Told) -> list[Frame]:
    usage = told(answer.usage)
    return [Frame(whole(head, ask, answer, usage), "content", usage=usage)]


def _bytes(url: Any) -> bytes:
    try:
        if isinstance(url, str) and url.startswith(HEAD):
            return base64.b64decode(url.removeprefix(HEAD), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise Refusal(f"'document.document_url' must be a PDF: {HEAD}...", param="document.document_url")


def _page(data: bytes, number: int) -> Message:
    digest = digest_of(data.hex(), number)
    return Message("user", f"# Page {number}\n\n{' '.join(words(digest, WORDS_PER_PAGE))}")
