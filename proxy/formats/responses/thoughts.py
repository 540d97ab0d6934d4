"""Thoughts of a model: shown as the summary of a reasoning item, proven by its encrypted_content."""

from proxy.conversation import Thinking
from proxy.formats.responses.fields import Fields

# Tells a hidden thought from the proof of a shown one when it comes back. Both are base64: neither begins so.
_HIDDEN = "redacted:"


def seal(signature: str, *, is_redacted: bool) -> str:
    """What a provider wants back with a thought, as the client keeps it."""
    return _HIDDEN + signature if is_redacted else signature


def read_thought(item: Fields) -> Thinking | None:
    """The thought of a reasoning item; None for one that says nothing and proves nothing."""
    summary = _said(item, "summary", "summary_text")
    thought = _said(item, "content", "reasoning_text")
    if summary and thought:
        raise item.foreign("content", "cannot be passed on beside a summary. Send one of them")
    text, sealed = summary or thought, item.text("encrypted_content") or None
    if sealed is None:
        return Thinking(text) if text else None
    if not sealed.startswith(_HIDDEN):
        return Thinking(text, signature=sealed)
    if text:
        raise item.wrong("summary", "does not go with its encrypted_content. Send the item as it came")
    return Thinking(redacted=sealed.removeprefix(_HIDDEN))


def _said(item: Fields, name: str, kind: str) -> str:
    texts = []
    for entry in item.objects(name):
        entry.word("type", (kind,))
        texts.append(entry.needed_text("text"))
        entry.none_left()
    return "\n\n".join(texts)
