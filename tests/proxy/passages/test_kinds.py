"""Whatever a provider sends of an answer, and in whatever words: what reaches the client counts as produced.

Each kind alone, in a stream that has begun: whoever leaves after it has got something, and pays for it.
"""

import json

import pytest

from proxy.crossing import DIALECTS
from proxy.formats.chat import Chat
from proxy.formats.messages.format import Messages
from proxy.formats.responses.format import Responses
from proxy.passages.chat import ChatPassage
from proxy.passages.completions import CompletionsPassage
from proxy.passages.converted import ConvertedPassage
from proxy.passages.messages import MessagesPassage
from tests.proxy.passages.bills import a_call, a_meter
from tests.proxy.passages.test_converted import stream

FORMATS = {"chat": Chat(), "messages": Messages(), "responses": Responses()}
OPENAI = {
    "text": {"content": "Hi"},
    "text in parts": {"content": [{"type": "text", "text": "Hi"}]},
    "a picture among the parts": {"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,A"}}]},
    "a thought": {"reasoning_content": "Hm"},
    "a thought by its other name": {"reasoning": "Hm"},
    "a thought in details": {"reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]},
    "a summary of a thought": {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm"}]},
    "a hidden thought": {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
    "a signature": {"reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "x"}]},
    "a refusal": {"refusal": "No"},
    "a call of a tool": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]},
    "arguments": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{"}}]},
    "a call of a tool with a text": {"tool_calls": [{"index": 0, "custom": {"name": "f", "input": ""}}]},
    "text for a tool": {"tool_calls": [{"index": 0, "custom": {"input": "x"}}]},
    "a call of a function": {"function_call": {"name": "f", "arguments": ""}},
    "sound": {"audio": {"id": "a", "data": "AAAA"}},
    "what the sound says": {"audio": {"id": "a", "transcript": "Hi"}},
    "pictures": {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
    "annotations": {"annotations": [{"type": "url_citation", "url_citation": {"url": "https://x.y"}}]},
    "a kind nobody knows": {"poem": {"lines": ["Oh"]}},
}  # fmt: skip
CHOICES = {kind: {"delta": delta} for kind, delta in OPENAI.items()} | {
    "likelihoods": {"delta": {}, "logprobs": {"content": [{"token": "Hi", "logprob": -0.1}]}},
}
OLDER = {"text": {"text": "Hi"}, "likelihoods": {"text": "", "logprobs": {"tokens": ["Hi"]}}}
ANTHROPIC = {
    "text": ({"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}),
    "a thought": ({"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "Hm"}),
    "a signature": ({"type": "thinking", "thinking": ""}, {"type": "signature_delta", "signature": "x"}),
    "a hidden thought": ({"type": "redacted_thinking", "data": "x"}, None),
    "a call of a tool": ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, None),
    "arguments": (
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "input_json_delta", "partial_json": "{"},
    ),
    "a citation": (
        {"type": "text", "text": ""},
        {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "Hi"}},
    ),
    "a call of a tool the provider runs": (
        {"type": "server_tool_use", "id": "t", "name": "web_search", "input": {}},
        {"type": "input_json_delta", "partial_json": "{"},
    ),
    "what such a tool found": (
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"url": "https://x.y"}]},
        None,
    ),
    "a kind nobody knows": ({"type": "poem"}, {"type": "poem_delta", "line": "Oh"}),
}
GEMINI = {
    "text": {"text": "Hi"},
    "a thought": {"text": "Hm", "thought": True},
    "a signature": {"thoughtSignature": "x"},
    "a signature of no words": {"text": "", "thoughtSignature": "x"},
    "a call of a tool": {"functionCall": {"name": "f"}},
    "a call of a tool, signed": {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "x"},
    "a picture": {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
    "a file": {"fileData": {"mimeType": "image/png", "fileUri": "https://x.y"}},
    "code": {"executableCode": {"language": "PYTHON", "code": "1"}},
    "what code came to": {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
    "a kind nobody knows": {"poem": "Oh"},
}


def events_of(dialect, kind):
    """The events that say this, and those before it that have to be there."""
    if dialect == "openai":
        return [{"id": "x", "choices": [{"index": 0, **CHOICES[kind]}]}]
    if dialect == "gemini":
        return [{"responseId": "x", "candidates": [{"content": {"parts": [GEMINI[kind]]}}]}]
    block, delta = ANTHROPIC[kind]
    events = [
        {"type": "message_start", "message": {"id": "x", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
    ]
    return events if delta is not None else events[:2]


def said(*events):
    return stream([json.dumps(event).encode() for event in events])


KINDS = [
    (dialect, kind)
    for dialect, kinds in (("openai", CHOICES), ("anthropic", ANTHROPIC), ("gemini", GEMINI))
    for kind in kinds
]


@pytest.mark.parametrize("kind", CHOICES)
def test_every_kind_of_a_chat_answer_passed_on_counts(kind):
    passage = ChatPassage(a_meter(), a_call())

    batch, error = passage.take(said(*events_of("openai", kind)))

    assert (bool(batch), error) == (True, None)
    assert passage.meter.produced_bytes > 0


@pytest.mark.parametrize("kind", OLDER)
def test_every_kind_of_a_completion_passed_on_counts(kind):
    passage = CompletionsPassage(a_meter(), a_call())

    batch, error = passage.take(said({"choices": [{"index": 0, **OLDER[kind]}]}))

    assert (bool(batch), error) == (True, None)
    assert passage.meter.produced_bytes > 0


@pytest.mark.parametrize("kind", ANTHROPIC)
def test_every_kind_of_a_message_passed_on_counts(kind):
    passage = MessagesPassage(a_meter(), a_call())

    batch, error = passage.take(said(*events_of("anthropic", kind)))

    assert (bool(batch), error) == (True, None)
    assert passage.meter.produced_bytes > 0


@pytest.mark.parametrize(("dialect", "kind"), KINDS)
@pytest.mark.parametrize("form", FORMATS)
def test_of_an_answer_put_in_other_words_all_counts_that_reaches_the_client(form, dialect, kind):
    """What the other words cannot say is left out, or ends the answer: nobody gets it."""
    meter = a_meter()
    passage = ConvertedPassage(
        meter, DIALECTS[dialect].reader(), FORMATS[form].writer({}, answer_id="a", model="m", created=1)
    )

    *before, last = events_of(dialect, kind)
    passage.take(said(*before))

    batch, _error = passage.take(said(last))

    assert meter.produced_bytes > 0 or not (batch and passage.has_content)


@pytest.mark.parametrize(
    "delta", [{"role": "assistant", "content": ""}, {}, {"content": None, "refusal": None}]
)
def test_the_beginning_of_an_answer_is_nothing_yet(delta):
    passage = ChatPassage(a_meter(), a_call())

    passage.take(said({"id": "x", "choices": [{"index": 0, "delta": delta, "logprobs": None}]}))

    assert passage.meter.produced_bytes == 0
