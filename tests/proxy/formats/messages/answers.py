"""Answers as a provider's reader tells them, and what clients make of what is written of them."""

import json

from hypothesis import strategies as st

from core.charging.calls import Ending
from core.money import Nanos
from core.rules.prices import Cost, Usage
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Signed, Stopped, Told
from proxy.formats.format import Bill

USAGE = Usage(input_tokens=100, output_tokens=20, cached_tokens=30, cache_write_tokens=25, reasoning_tokens=5)
BILL = Bill(
    ending=Ending(
        provider="acme",
        usage=USAGE,
        cost=Cost(Nanos(1_000_000_001), Nanos(1_100_000_002)),
        status=200,
        reason="done",
    ),
    charge_n=1_100_000_002,
)

# One of everything there is.
FULL = [
    Began("theirs"),
    BlockBegan(0, "thinking"),
    Delta(0, "Let me "),
    Delta(0, "see."),
    Signed(0, "sig"),
    BlockEnded(0),
    BlockBegan(1, "thinking"),
    Signed(1, "hidden", is_redacted=True),
    BlockEnded(1),
    BlockBegan(2, "text"),
    Delta(2, "I will "),
    Delta(2, "look.\n"),
    BlockEnded(2),
    BlockBegan(3, "tool", tool_id="t1", tool_name="look"),
    Delta(3, '{"at": '),
    Delta(3, '"there"}'),
    BlockEnded(3),
    BlockBegan(4, "tool", tool_id="t2", tool_name="wait"),
    BlockEnded(4),
    Told(USAGE),
    Stopped("tool_use", "tool_calls"),
]
CONTENT = [
    {"type": "thinking", "thinking": "Let me see.", "signature": "sig"},
    {"type": "redacted_thinking", "data": "hidden"},
    {"type": "text", "text": "I will look.\n"},
    {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "there"}},
    {"type": "tool_use", "id": "t2", "name": "wait", "input": {}},
]

# Two texts, two thoughts and two calls whose events come in any order that a reader may tell them in.
LINES = [
    [BlockBegan(0, "text"), Delta(0, "a"), Delta(0, "b"), BlockEnded(0)],
    [BlockBegan(1, "thinking"), Delta(1, "c"), Delta(1, "d"), Signed(1, "s"), BlockEnded(1)],
    [BlockBegan(2, "tool", tool_id="t2", tool_name="n"), Delta(2, '{"x"'), Delta(2, ": 1}"), BlockEnded(2)],
    [BlockBegan(3, "tool", tool_id="t3", tool_name="n"), Delta(3, "{"), Delta(3, "}")],
    [BlockBegan(4, "text"), Delta(4, "e"), Delta(4, "f")],
]


@st.composite
def interleaved(draw):
    """The lines shuffled into one another, each in its own order."""
    order = draw(st.permutations([number for number, line in enumerate(LINES) for _ in line]))
    left = [iter(line) for line in LINES]
    return [next(left[number]) for number in order]


def read(stream):
    """The events of a stream, as name and data."""
    events = []
    for event in stream.decode().split("\n\n")[:-1]:
        name, data = event.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events
