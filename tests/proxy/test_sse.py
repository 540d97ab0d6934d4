from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.sse import MAX_EVENT, EventSplitter, MalformedStream, event, named_event


def split(*chunks):
    splitter = EventSplitter()
    return [data for chunk in chunks for data in splitter.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: one\n\ndata: two\n\n", [b"one", b"two"]),
        (b"data:one\n\n", [b"one"]),
        (b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"]),
        (b"\xef\xbb\xbfdata: one\n\n", [b"one"]),
        (b": a comment\n\nevent: message\nid: 7\nretry: 10\ndata: one\n\n", [b"one"]),
        (b'data: {"a":\ndata: 1}\n\n', [b'{"a": 1}']),
        (b"\n\n\n\ndata: one\n\n\n\n", [b"one"]),
        (b"data: never ended\n", []),
        (b"data:  two blanks\n\n", [b" two blanks"]),
        (b"garbage without a field name\n\ndata: one\n\n", [b"one"]),
        (b"", []),
    ],
)
def test_a_stream_is_cut_into_the_data_of_its_events(stream, events):
    assert split(stream) == events


pieces = st.sampled_from(
    [
        b"data: ",
        b"data:",
        b"\n",
        b"\r\n",
        b"\n\n",
        b": note\n",
        b"\xef\xbb\xbf",
        b"x",
        "é漢🎉".encode(),
        b"{}",
        b"\r",
    ]
)


@settings(max_examples=150, deadline=None)
@given(stream=st.lists(pieces, max_size=30).map(b"".join), cuts=st.lists(st.integers(0, 200), max_size=12))
def test_wherever_the_network_cuts_the_bytes_the_events_are_the_same(stream, cuts):
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(edges)]

    assert split(*chunks) == split(stream)


@pytest.mark.parametrize(
    ("chunk", "events"),
    [
        (b"data: one\n\n", [b"one"]),
        (b"data: one\n\ndata: two\n\n", [b"one", b"two"]),
        (b'data: {"a": "\\n\\ndata: b"}\n\n', [b'{"a": "\\n\\ndata: b"}']),
        (b"data: \n\n", [b""]),
        (b"data: one\n", None),
        (b"data: one", None),
        (b"data:one\n\n", None),
        (b"data: one\r\n\r\n", None),
        (b"data: one\rdata: two\n\n", None),
        (b"data: one\n\n\n\n", None),
        (b"data: one\n\n: comment\n\n", None),
        (b": comment\n\ndata: one\n\n", None),
        (b"data: one\ndata: two\n\n", None),
        (b"id: 1\ndata: one\n\n", None),
        (b"\xef\xbb\xbfdata: one\n\n", None),
        (b"data: " + b"x" * MAX_EVENT + b"\n\n", None),
        (b"", None),
    ],
)
def test_a_chunk_of_plain_events_is_told_from_all_others(chunk, events):
    assert EventSplitter().plain(chunk) == events


@pytest.mark.parametrize("before", [b"data: o", b"data: one\n", b"x", b"\n"])
def test_no_chunk_is_plain_in_the_middle_of_an_event(before):
    splitter = EventSplitter()
    list(splitter.feed(before))

    made = splitter.plain(b"data: two\n\n")

    assert (made is None) is (before != b"\n")


@settings(max_examples=150, deadline=None)
@given(chunk=st.lists(pieces, max_size=12).map(b"".join))
def test_what_is_plain_would_be_cut_and_written_the_same(chunk):
    made = EventSplitter().plain(chunk)

    if made is not None:
        assert made == split(chunk)
        assert b"".join(event(data) for data in made) == chunk


def test_a_byte_order_mark_counts_only_at_the_start():
    assert split(b"data: one\n\n\xef\xbb\xbfdata: two\n\n") == [b"one"]


def test_events_before_one_that_is_too_long_are_given_first():
    events = EventSplitter().feed(b"data: one\n\ndata: " + b"x" * (MAX_EVENT + 1))

    first = next(events)

    assert first == b"one"
    with pytest.raises(MalformedStream):
        next(events)


def test_many_lines_of_one_event_are_bounded_too():
    lines = (b"data: " + b"x" * 4096 + b"\n") * 300

    with pytest.raises(MalformedStream):
        split(lines)


@pytest.mark.parametrize("data", [b'{"a":\n1}', b'{"a":\r\n1}', b'{"a":1}\r\rdata: {"b":2}'])
def test_what_we_send_as_one_event_is_read_as_one_event(data):
    made = event(data)

    assert made.startswith(b"data: ")
    assert b"\r" not in made
    assert made.endswith(b"\n\n")
    assert made.count(b"\n") == 2


def test_an_event_with_a_name_is_read_as_one_event():
    made = named_event("response.created", b'{"a":\n1}')

    assert made == b'event: response.created\ndata: {"a": 1}\n\n'
    assert split(made) == [b'{"a": 1}']
